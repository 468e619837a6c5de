// SPDX-License-Identifier: GPL-2.0-only
/*
 * A merge under everything at once, by chance: reads, writes and flushes of the
 * origin through the snapshot-merge target, other snapshots of it, suspends,
 * devices that fail, memory that is short, and the power.
 *
 * A History knows what may be read of the merging device; it does not care what is
 * merged already.  What the other snapshots show must never change.
 */
#include <gtest/gtest.h>

#include "support/seed.hpp"
#include "unit/snapshot/history.hpp"
#include "user/failure.hpp"
#include "user/mapped.hpp"
#include "user/memory.hpp"

namespace dmsnap::test {
namespace {

using user::Core;
using user::CrashPolicy;
using user::Device;
using user::Mapped;
using user::Memory;
using user::Op;
using user::Order;
using user::Random;
using user::TargetType;
using user::World;

enum Trouble : unsigned int {
	crashes = 1u << 0,
	faults = 1u << 1,
	short_memory = 1u << 2,
};

class MergeStress {
public:
	MergeStress(uint64_t seed, unsigned int trouble)
	    : random_(Random::mix(seed)), trouble_(trouble),
	      world_({.order = random_.one_in(8) ? Order::fifo : Order::random, .seed = seed}),
	      chunk_(1u << random_.below(5)), sectors_((200 + random_.below(3000)) | 1),
	      disk_(add_device("disk", sectors_)), cow_(add_cow("cow", chunk_)),
	      view_(first_content())
	{
		world_.add_log(rerun_line(seed));
		world_.cow_threshold = random_.one_in(4) ? 2 : 2048;
	}

	void run()
	{
		prepare();
		for (uint64_t n = 20 + random_.below(150); n && good(); n--) {
			act();
			crank();
			poll();
		}
		finish();
	}

private:
	struct Asked {
		Mapped::Handle request;
		Stamp stamp;
		History::Tick begin;
	};
	struct Other {
		Mapped mapped{"other"};
		std::string words;
		std::vector<uint8_t> image;
	};

	static bool good() { return !testing::Test::HasFailure(); }

	Device &add_device(const std::string &name, uint64_t sectors)
	{
		return world_.add_device({.name = name,
					  .sectors = sectors,
					  .latency_ns = 1000 + random_.below(100'000),
					  .flush_ns = 1000 + random_.below(300'000),
					  .volatile_cache = !random_.one_in(5)});
	}

	Device &add_cow(const std::string &name, unsigned int chunk)
	{
		uint64_t chunks = sectors_ / chunk + 2;
		uint64_t per_area = chunk * 512 / 16;
		return add_device(name, (chunks + chunks / per_area + 4) * chunk);
	}

	std::vector<Stamp> first_content()
	{
		disk_.poke(0, stamped(1, 0, sectors_));
		return std::vector<Stamp>(sectors_, 1);
	}

	std::string words() const { return "disk cow P " + std::to_string(chunk_); }

	/* A snapshot with a history, and from there on the merge. */
	void prepare()
	{
		Mapped origin("origin"), snapshot("snapshot");
		ASSERT_EQ(snapshot.create(TargetType::snapshot, sectors_, words()), 0);
		ASSERT_EQ(origin.create(TargetType::origin, sectors_, "disk"), 0);
		for (uint64_t n = random_.below(80); n; n--) {
			bool own = random_.one_in(2);
			uint64_t sector = random_.below(sectors_);
			uint64_t count = std::min(1 + random_.below(random_.one_in(4) ? 400 : 20),
						  sectors_ - sector);
			Stamp stamp = ++stamps_;
			now_++;
			if (own)
				view_.begin(stamp, sector, count, now_);
			ASSERT_EQ((own ? snapshot : origin)
					  .write(sector, stamped(stamp, sector, count)),
				  0);
			if (own)
				view_.end(stamp, sector, count, ++now_, true, false);
		}
		ASSERT_EQ(snapshot.flush(), 0);
		view_.flushed(++now_);
		ASSERT_EQ(origin.flush(), 0);
		for (uint64_t n = random_.below(4); n; n--)
			add_other();

		bool handover = random_.one_in(2);
		world_.add_log(handover ? "merge by handover" : "merge by activation");
		if (!handover) {
			snapshot.remove();
			origin.remove();
		}
		ASSERT_EQ(merging_.load(TargetType::merge, sectors_, words()), 0)
			<< merging_.error_text();
		if (handover) {
			origin.suspend();
			snapshot.suspend();
		}
		ASSERT_EQ(merging_.resume(), 0);
	}

	void add_other()
	{
		auto other = std::make_unique<Other>();
		unsigned int chunk = 1u << random_.below(6);
		std::string name = "other" + std::to_string(others_.size());
		add_cow(name, chunk);
		other->words = "disk " + name + " P " + std::to_string(chunk);
		ASSERT_EQ(other->mapped.create(TargetType::snapshot, sectors_, other->words), 0);
		other->image = disk_.peek(0, sectors_);
		others_.push_back(std::move(other));
	}

	/* --- Asking. --- */

	void choose_range(uint64_t &sector, uint64_t &sectors)
	{
		sector = random_.below(sectors_);
		sectors = 1 + random_.below(random_.one_in(3) ? 200 : 12);
		if (random_.one_in(3))
			sector -= sector % chunk_;
		sectors = std::min(sectors, sectors_ - sector);
	}

	void note(const char *what, uint64_t sector, uint64_t sectors, Stamp stamp)
	{
		world_.add_log(user::text("[%llu] %s %llu+%llu stamp %u",
					  static_cast<unsigned long long>(now_), what,
					  static_cast<unsigned long long>(sector),
					  static_cast<unsigned long long>(sectors), stamp));
	}

	void write()
	{
		uint64_t sector, sectors;
		choose_range(sector, sectors);
		bool fua = random_.one_in(6);
		Stamp stamp = ++stamps_;
		now_++;
		note(fua ? "write fua" : "write", sector, sectors, stamp);
		view_.begin(stamp, sector, sectors, now_);
		asked_.push_back(
			{merging_.start_write(sector, stamped(stamp, sector, sectors), fua), stamp,
			 now_});
	}

	void read(uint64_t sector, uint64_t sectors)
	{
		now_++;
		note("read", sector, sectors, 0);
		asked_.push_back({merging_.start_read(sector, sectors), 0, now_});
	}

	void flush()
	{
		now_++;
		note("flush", 0, 0, 0);
		asked_.push_back({merging_.start_flush(), 0, now_});
	}

	void poll()
	{
		now_++;
		for (size_t i = 0; i < asked_.size();) {
			if (!asked_[i].request->done) {
				i++;
				continue;
			}
			Asked asked = asked_[i];
			asked_.erase(asked_.begin() + static_cast<ptrdiff_t>(i));
			ended(asked);
		}
	}

	void ended(const Asked &asked)
	{
		const Mapped::Request &request = *asked.request;
		if (request.error && !may_fail_)
			fail(user::text("operation %d at %llu: error %d", request.op,
					static_cast<unsigned long long>(request.sector),
					request.error));
		switch (request.op) {
		case DMSNAP_BIO_READ:
			if (!request.error)
				check_read(request, asked.begin);
			break;
		case DMSNAP_BIO_WRITE:
			view_.end(asked.stamp, request.sector, request.sectors, now_,
				  !request.error, !request.error && request.fua);
			break;
		case DMSNAP_BIO_FLUSH:
			if (!request.error)
				view_.flushed(asked.begin);
			break;
		default:
			break;
		}
	}

	void check_read(const Mapped::Request &request, History::Tick begin)
	{
		for (uint64_t i = 0; i < request.sectors && good(); i++) {
			uint64_t sector = request.sector + i;
			Stamp found = stamp_of(sector, request.data.data() + i * 512);
			if (!view_.may_read(sector, found, begin))
				fail(user::text("read asked for at %llu found %u in sector %llu:",
						static_cast<unsigned long long>(begin), found,
						static_cast<unsigned long long>(sector)) +
				     view_.describe(sector));
		}
	}

	void check_others()
	{
		for (const auto &other : others_) {
			if (other->mapped.status() == "Invalid") {
				if (!may_fail_)
					fail("a snapshot is invalid for no reason");
				continue;
			}
			if (other->mapped.read(0, sectors_) != other->image)
				fail("a snapshot has not its image: " + other->words);
		}
	}

	void fail(const std::string &message)
	{
		if (!good())
			return;
		std::string log;
		for (const std::string &line : world_.log())
			log += "\n  log: " + line;
		ADD_FAILURE() << message << log;
	}

	/* --- Doing. --- */

	void act()
	{
		uint64_t sector, sectors;
		switch (random_.below(24)) {
		case 0 ... 11:
			write();
			break;
		case 12 ... 16:
			choose_range(sector, sectors);
			read(sector, sectors);
			break;
		case 17 ... 18:
			flush();
			break;
		case 19:
			suspend_and_resume();
			break;
		case 20:
			/* A read of another snapshot turns the crank too. */
			if (!(trouble_ & faults))
				check_others();
			break;
		case 21:
			if (trouble_ & faults)
				break_something();
			break;
		case 22:
			if (trouble_ & short_memory) {
				Memory::instance().fail_nothing();
				if (random_.one_in(2))
					Memory::instance().fail_nowait_randomly(random_.next(), 3);
				may_fail_ = true;
			}
			break;
		default:
			if (trouble_ & crashes && random_.one_in(2))
				crash();
		}
	}

	void suspend_and_resume()
	{
		if (busy_)
			return;
		note("suspend and resume", 0, 0, 0);
		busy_ = true;
		world_.spawn("change", [this] {
			merging_.suspend();
			EXPECT_EQ(merging_.resume(), 0);
			busy_ = false;
		});
	}

	void break_something()
	{
		constexpr Op ops[] = {Op::read, Op::write, Op::flush};
		Device &device = random_.one_in(2) ? cow_ : disk_;
		Op op = ops[random_.below(3)];
		may_fail_ = true;
		world_.add_log(user::text("%s: a %s will fail", device.options().name.c_str(),
					  user::to_text(op)));
		device.fail_nth(op, 1 + random_.below(20));
	}

	void mend()
	{
		disk_.clear_faults();
		cow_.clear_faults();
		Memory::instance().fail_nothing();
	}

	void crash()
	{
		world_.run_until([this] { return !busy_; });
		poll();
		note("crash", 0, 0, 0);
		world_.crash({.keep = random_.one_in(4)	  ? CrashPolicy::Keep::nothing
				      : random_.one_in(4) ? CrashPolicy::Keep::everything
							  : CrashPolicy::Keep::some,
			      .seed = random_.next()});
		bool merge_gone = merging_.status() == "Invalid";
		/* What ends now has an error, or has ended before: nothing is known of it. */
		merging_.remove();
		for (const auto &other : others_)
			other->mapped.remove();
		asked_.clear();
		mend();
		world_.power_on();
		ASSERT_FALSE(merge_gone);
		for (const auto &other : others_)
			ASSERT_EQ(other->mapped.create(TargetType::snapshot, sectors_,
						       other->words),
				  0);
		ASSERT_EQ(merging_.create(TargetType::merge, sectors_, words()), 0)
			<< merging_.error_text();

		std::vector<uint8_t> data = merging_.read(0, sectors_);
		std::vector<Stamp> found(sectors_);
		for (uint64_t at = 0; at < sectors_; at++) {
			found[at] = stamp_of(at, data.data() + at * 512);
			if (!view_.may_be_left(at, found[at]))
				fail(user::text("a crash left %u in sector %llu:", found[at],
						static_cast<unsigned long long>(at)) +
				     view_.describe(at));
		}
		view_ = History(found);
	}

	void crank()
	{
		switch (random_.below(5)) {
		case 0:
			break;
		case 1:
			if (random_.one_in(6))
				world_.settle();
			break;
		default:
			world_.run_for(random_.below(random_.one_in(4) ? 500'000 : 30'000));
		}
	}

	void finish()
	{
		world_.run_until_idle();
		poll();
		if (!asked_.empty())
			fail(user::text("%zu requests never end", asked_.size()));
		mend();
		if (!good())
			return;
		if (may_fail_) {
			merging_.suspend();
			EXPECT_EQ(merging_.resume(), 0);
			world_.run_until_idle();
		}
		std::string end = std::to_string(2 * chunk_);
		EXPECT_EQ(merging_.status(),
			  end + "/" + std::to_string(cow_.sectors()) + " " + end);
		read(0, sectors_);
		world_.run_until_idle();
		poll();
		check_others();
		EXPECT_TRUE(disk_.peek(0, sectors_) == merging_.read(0, sectors_));
		merging_.remove();
		others_.clear();
	}

	Random random_;
	unsigned int trouble_;
	World world_;
	Core core_;
	unsigned int chunk_;
	uint64_t sectors_;
	Device &disk_;
	Device &cow_;
	History view_;
	Mapped merging_{"merging"};
	std::vector<std::unique_ptr<Other>> others_;
	std::vector<Asked> asked_;
	bool busy_ = false;
	bool may_fail_ = false;
	Stamp stamps_ = 1;
	History::Tick now_ = 1;
};

void stress(uint64_t count, unsigned int trouble)
{
	if (const char *more = std::getenv("DMSNAP_TEST_STEPS"))
		count = std::strtoull(more, nullptr, 0);
	for_seeds(count, [trouble](uint64_t seed) { MergeStress(seed, trouble).run(); });
}

TEST(MergeStress, reads_find_what_was_written)
{
	stress(150, 0);
}

TEST(MergeStress, the_power_may_fail)
{
	stress(300, crashes);
}

TEST(MergeStress, devices_may_fail)
{
	stress(150, faults);
}

TEST(MergeStress, memory_may_run_out)
{
	stress(60, short_memory);
}

TEST(MergeStress, everything_may_fail)
{
	stress(200, crashes | faults | short_memory);
}

} // namespace
} // namespace dmsnap::test
