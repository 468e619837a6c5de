// SPDX-License-Identifier: GPL-2.0-only
/*
 * Readers of the table that run between any two instructions of a writer and do not finish
 * before it continues, as in a preemptible kernel on one processor.  The processor's single-step
 * trap starts them.
 */
#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <thread>

#include <gtest/gtest.h>

#include "exception/exception_table.hpp"
#include "target/snapshot_target.hpp"
#include "unit/snapshot/snapshot_fixture.hpp"

#ifdef __x86_64__

namespace dmsnap::test {
namespace {

constexpr uint64_t trap_flag = 0x100;

/* Calls a function before each instruction of some code. */
class Stepper {
public:
	explicit Stepper(std::function<void()> between) : between_(std::move(between))
	{
		the_one = this;
		struct sigaction action = {};
		action.sa_handler = &trapped;
		sigaction(SIGTRAP, &action, &before_);
	}
	~Stepper()
	{
		sigaction(SIGTRAP, &before_, nullptr);
		the_one = nullptr;
	}
	Stepper(const Stepper &) = delete;
	Stepper &operator=(const Stepper &) = delete;

	template <typename Body> void step_through(const Body &body)
	{
		asm volatile("pushfq; orq %0, (%%rsp); popfq" ::"i"(trap_flag) : "memory", "cc");
		body();
		asm volatile("pushfq; andq %0, (%%rsp); popfq" ::"i"(~trap_flag) : "memory", "cc");
	}

private:
	static void trapped(int) { the_one->between_(); }

	static inline Stepper *the_one = nullptr;
	std::function<void()> between_;
	struct sigaction before_;
};

TEST(PreemptedWriter, holds_up_no_reader_and_shows_it_nothing_half_done)
{
	auto table = std::move(*ExceptionTable::create(1 << 20));
	auto change = [&](auto body) {
		ASSERT_TRUE(table->reserve(DMSNAP_ALLOC_CONSTRUCT));
		body();
	};
	/* A full leaf that the next insert splits. */
	for (uint64_t n = 0; n < 500; n++)
		change([&] { table->insert({{8 * n}, {3 * n}, 1}); });

	for (uint64_t middle : {8 * 250 + 4, 8 * 100 + 4, 8 * 499 + 1}) {
		for (bool inserts : {true, false}) {
			uint64_t given_up = 0, before = 0, after = 0, wrong = 0;
			auto read = [&](uint64_t chunk, uint64_t new_chunk) {
				Mapping mapping;
				if (!table->find_soon({chunk}, 1, mapping))
					return false;
				wrong += !mapping.mapped || mapping.new_begin.value != new_chunk;
				return true;
			};
			Stepper stepper([&] {
				Mapping mapping;
				bool seen = table->find_soon({middle}, 1, mapping);
				given_up += !seen;
				if (seen)
					(mapping.mapped == inserts ? after : before)++;
				/* Once a reader has seen the change, no later one may miss it. */
				wrong += seen && mapping.mapped != inserts && after > 0;
				wrong += read(8 * 250, 3 * 250) != seen;
				wrong += read(8 * 499, 3 * 499) != seen;
			});
			change([&] {
				stepper.step_through([&] {
					if (inserts)
						table->insert({{middle}, {5000}, 1});
					else
						table->erase({middle}, 1);
				});
			});
			EXPECT_EQ(wrong, 0u);
			EXPECT_GT(before, 0u);
			EXPECT_GT(after, 0u);
			EXPECT_GT(given_up, 0u);
		}
	}
}

TEST(PreemptedWriter, is_waited_for_by_its_lock)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(0, 8), 0);
	auto &snapshot = reinterpret_cast<SnapshotTarget *>(snap.mapped.snapshot())->snapshot();
	constexpr OldChunk chunk{100};
	constexpr NewChunk copy{77};

	std::atomic<bool> halfway = false, reader_is_back = false;
	Stepper stepper([&] {
		Mapping mapping;
		if (halfway || snapshot.exception_table().find_soon(chunk, 1, mapping))
			return;
		halfway = true;
		/* Long enough for a reader that does not wait to return. */
		for (int ms = 0; ms < 50 && !reader_is_back; ms++)
			std::this_thread::sleep_for(std::chrono::milliseconds(1));
	});
	std::thread writer([&] {
		OriginGuard guard(snapshot.origin().lock());
		ASSERT_TRUE(snapshot.exception_table().reserve(DMSNAP_ALLOC_NOWAIT));
		stepper.step_through([&] { snapshot.exception_table().insert({chunk, copy, 1}); });
	});
	while (!halfway)
		std::this_thread::yield();
	Mapping mapping = snapshot.look_up(chunk, 1);
	reader_is_back = true;
	writer.join();
	EXPECT_TRUE(mapping.mapped);
	EXPECT_EQ(mapping.new_begin, copy);
}

} // namespace
} // namespace dmsnap::test

#endif
