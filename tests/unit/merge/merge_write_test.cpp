// SPDX-License-Identifier: GPL-2.0-only
/* Writes to an origin while a snapshot is merged into it. */
#include <algorithm>
#include <cstdio>

#include <gtest/gtest.h>

#include "support/seed.hpp"
#include "unit/merge/merge_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Device;
using user::Mapped;
using user::Op;
using user::Random;
using user::TargetType;

TEST_F(MergeTest, writes_go_where_they_will_be_read)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 8000), 0);
	ASSERT_EQ(begin(snap), 0);
	Random random(3);
	for (bool more = true; more;) {
		uint64_t sector = random.below(disk_sectors - 40);
		std::vector<uint8_t> data = fixture_.fresh(sector, 1 + random.below(40));
		auto request = merging_.start_write(sector, data);
		snap.frozen.write(sector, data);
		for (uint64_t n = random.below(40); n && more; n--)
			more = fixture_.world.step();
		ASSERT_EQ(merging_.wait(request), 0);
	}
	EXPECT_EQ(merging_.status(), "16/65536 16");
	EXPECT_TRUE(shows(snap));
	EXPECT_TRUE(merged(snap));
}

TEST_F(MergeTest, a_write_waits_only_while_its_batch_is_retired)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 8000), 0);
	ASSERT_EQ(begin(snap), 0);
	/* Writes to the batch's chunks do not wait while it is copied. */
	fixture_.disk.hold(Op::write);
	fixture_.world.run_for(50'000'000);
	ASSERT_GT(fixture_.disk.held(), 0u);
	std::vector<uint8_t> data = fixture_.fresh(0, 8000);
	auto request = merging_.start_write(0, data);
	snap.frozen.write(0, data);
	fixture_.world.run_for(50'000'000);
	EXPECT_TRUE(request->done);
	fixture_.disk.release();
	/* Now the origin is flushed, and the batch is blocked. */
	fixture_.disk.hold(Op::flush);
	fixture_.world.run_for(50'000'000);
	ASSERT_EQ(fixture_.disk.held(), 1u);
	data = fixture_.fresh(0, 8000);
	request = merging_.start_write(0, data);
	snap.frozen.write(0, data);
	fixture_.world.run_for(50'000'000);
	EXPECT_FALSE(request->done);
	fixture_.disk.release();
	EXPECT_EQ(merging_.wait(request), 0);
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "16/65536 16");
	EXPECT_TRUE(merged(snap));
}

TEST_F(MergeTest, a_constantly_written_chunk_gets_a_last_copy)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 64), 0);
	ASSERT_EQ(begin(snap), 0);
	/* Another sector each time, so that a lost write is not overwritten. */
	uint64_t writes = 0;
	for (; merging_.status() != "16/65536 16"; writes++) {
		std::vector<uint8_t> data = fixture_.fresh(writes % 64, 1);
		ASSERT_EQ(merging_.write(writes % 64, data), 0);
		snap.frozen.write(writes % 64, data);
	}
	EXPECT_GT(writes, 20u);
	EXPECT_TRUE(merged(snap));
}

TEST_F(MergeTest, a_write_over_several_runs_of_the_batch_is_copied_again_in_all_of_them)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	/* In reverse, so that neighbours on the origin are not adjacent on the COW device. */
	for (uint64_t chunk = 8; chunk--;)
		ASSERT_EQ(fixture_.write(chunk * 8, 8), 0);
	ASSERT_EQ(begin(snap), 0);
	uint64_t writes = 0;
	for (; merging_.status() != "16/65536 16"; writes++) {
		uint64_t sector = writes % 7 * 8 + 4;
		std::vector<uint8_t> data = fixture_.fresh(sector, 8);
		ASSERT_EQ(merging_.write(sector, data), 0);
		snap.frozen.write(sector, data);
	}
	EXPECT_GT(writes, 5u);
	EXPECT_TRUE(merged(snap));
}

/* A run of many chunks takes several jobs; each of them must copy again after the write. */
TEST_F(MergeTest, a_chunk_written_while_its_copies_are_in_flight_is_copied_again)
{
	SnapshotFixture::Snap &snap = fixture_.add("P 8", cow_sectors);
	ASSERT_EQ(fixture_.write(0, 8000), 0);
	ASSERT_EQ(begin(snap), 0);
	fixture_.disk.hold(Op::write);
	fixture_.world.run_for(50'000'000);
	ASSERT_GT(fixture_.disk.held(), 1u);
	std::vector<uint8_t> data = fixture_.fresh(0, 8000);
	ASSERT_EQ(merging_.write(0, data), 0);
	snap.frozen.write(0, data);
	fixture_.disk.release();
	fixture_.world.run_until_idle();
	EXPECT_EQ(merging_.status(), "16/65536 16");
	EXPECT_TRUE(merged(snap));
}

/* I/O takes no time, so the batch may end at any point where other code runs. */
TEST(MergeOrders, a_write_finds_that_its_chunk_was_merged_since_it_looked)
{
	/* More than may enter the regions at once, so that dm's bio is split. */
	constexpr uint64_t length = 4104;
	constexpr uint64_t all = 16384;
	for_seeds(40, [](uint64_t seed) {
		SnapshotFixture fixture(all, {.order = user::Order::random, .seed = seed});
		fixture.world.add_device(
			{.name = "fast", .sectors = 32768, .latency_ns = 0, .flush_ns = 0});
		Mapped snapshot("snapshot");
		ASSERT_EQ(snapshot.create(TargetType::snapshot, all, "disk fast P 8"), 0);
		ASSERT_EQ(fixture.write(0, all), 0);
		snapshot.remove();
		fixture.origin.remove();
		Mapped merging("merging");
		ASSERT_EQ(merging.create(TargetType::merge, all, "disk fast P 8"), 0);
		/* The last chunks are merged first: write to those that come next. */
		auto chunks_left = [&] {
			uint64_t allocated, metadata;
			EXPECT_EQ(std::sscanf(merging.status().c_str(), "%lu/32768 %lu", &allocated,
					      &metadata),
				  2);
			return (allocated - metadata) / 8;
		};
		Random random(seed);
		std::vector<bool> written(all);
		std::vector<Mapped::Handle> writes;
		while (uint64_t left = chunks_left()) {
			const uint64_t at =
				8 * (left - 1 - random.below(std::min<uint64_t>(left, 256)));
			if (at + length <= all) {
				std::fill_n(written.begin() + static_cast<ptrdiff_t>(at), length,
					    true);
				writes.push_back(
					merging.start_write(at, Pattern{2, 1}.make(at, length)));
			}
			for (uint64_t n = random.below(60); n > 0 && fixture.world.step(); n--) {
			}
		}
		EXPECT_GT(writes.size(), 0u);
		for (const Mapped::Handle &write : writes)
			EXPECT_EQ(merging.wait(write), 0);
		fixture.world.run_until_idle();
		for (uint64_t sector = 0; sector < all; sector++) {
			const Pattern right = written[sector] ? Pattern{2, 1} : Pattern{1, 1};
			ASSERT_TRUE(right.matches(sector, merging.read(sector, 1))) << sector;
		}
	});
}

/* Other copies, more than there are pages for, until all of @sectors is written. */
class MergeBesideCopies : public testing::Test {
protected:
	static constexpr uint64_t a_while = 5'000'000;
	static constexpr uint64_t writers = 12, writes_each = 4, block = 2048;
	static constexpr uint64_t first = block;
	static constexpr uint64_t sectors = first + writers * writes_each * block;

	void SetUp() override
	{
		for (uint64_t n = 0; n < 64; n++)
			ASSERT_EQ(fixture_.write(merged_, n % 8 * 256 + n / 8 * 16, 8), 0);
		merged_.mapped.remove();
		other_ = &fixture_.add("P 128", 2 * sectors);
		fixture_.origin.remove();
	}
	void TearDown() override
	{
		fixture_.world.run_until_idle();
		EXPECT_EQ(copied_, writers * writes_each);
		EXPECT_TRUE(fixture_.right(*other_));
		EXPECT_TRUE(merged_.frozen.matches_all([&](uint64_t sector, uint64_t count) {
			return merging_.read(sector, count);
		}));
		merging_.remove();
	}
	/* From time to time the disk completes as many reads as there are pages for. */
	void let_some_read()
	{
		fixture_.disk.release();
		if (copied_ == writers * writes_each)
			return;
		fixture_.disk.hold(Op::read);
		fixture_.world.complete_at(fixture_.world.now_ns() + a_while,
					   [this] { let_some_read(); });
	}
	void begin_copies()
	{
		let_some_read();
		for (uint64_t writer = 0; writer < writers; writer++)
			fixture_.world.spawn("writer", [this, writer] {
				for (uint64_t n = 0; n < writes_each; n++, copied_++) {
					uint64_t at = first + (writer * writes_each + n) * block;
					std::vector<uint8_t> data = fixture_.fresh(at, block);
					merged_.frozen.write(at, data);
					EXPECT_EQ(merging_.write(at, data), 0);
				}
			});
	}
	/* Writes to a chunk that is being merged. */
	Mapped::Handle start_write()
	{
		std::vector<uint8_t> data = fixture_.fresh(0, 8);
		merged_.frozen.write(0, data);
		return merging_.start_write(0, data);
	}

	SnapshotFixture fixture_{sectors};
	SnapshotFixture::Snap &merged_ = fixture_.add("P 8", 4096);
	SnapshotFixture::Snap *other_ = nullptr;
	Mapped merging_{"merging"};
	uint64_t copied_ = 0;
};

TEST_F(MergeBesideCopies, a_write_that_waits_for_its_batch_does_not_wait_for_all_of_them)
{
	fixture_.disk.hold(Op::write);
	ASSERT_EQ(merging_.create(TargetType::merge, sectors, merged_.words), 0);
	fixture_.world.run_for(a_while);
	ASSERT_GT(fixture_.disk.held(), 0u);
	/* The chunk becomes dirty in each round; after eight rounds the batch is blocked. */
	Mapped::Handle write;
	for (int round = 0; round <= 8; round++) {
		merged_.cow.hold(Op::write);
		write = start_write();
		fixture_.disk.release();
		fixture_.world.run_for(a_while);
		ASSERT_FALSE(write->done);
		if (round == 8)
			break;
		fixture_.disk.hold(Op::write);
		merged_.cow.release();
		fixture_.world.run_for(a_while);
		ASSERT_TRUE(write->done);
		ASSERT_GT(fixture_.disk.held(), 0u);
	}
	Mapped::Handle waits = start_write();
	begin_copies();
	fixture_.world.run_for(a_while / 2);
	merged_.cow.release();
	EXPECT_EQ(merging_.wait(waits), 0);
	EXPECT_TRUE(write->done);
	EXPECT_LT(copied_, writers * writes_each / 2);
}

TEST_F(MergeBesideCopies, a_suspend_does_not_wait_for_all_of_them)
{
	/* The claims, and copies that take all pages, wait for the snapshot's device. */
	other_->cow.hold(Op::write);
	ASSERT_EQ(merging_.create(TargetType::merge, sectors, merged_.words), 0);
	fixture_.world.run_for(a_while);
	begin_copies();
	fixture_.world.run_for(4 * a_while);
	ASSERT_EQ(copied_, 0u);
	other_->cow.release();
	ASSERT_TRUE(fixture_.world.run_until([&] { return copied_ > 0; }));
	merging_.presuspend();
	EXPECT_LT(copied_, writers * writes_each / 2);
	merging_.suspend();
	ASSERT_EQ(merging_.resume(), 0);
}

/* I/O takes no time, so a bio may end at any point where other code runs. */
TEST(MergeOrders, a_write_that_has_to_wait_may_end_before_its_map_is_over)
{
	for_seeds(200, [](uint64_t seed) {
		SnapshotFixture fixture(1024, {.order = user::Order::random, .seed = seed});
		fixture.world.add_device(
			{.name = "fast", .sectors = 4096, .latency_ns = 0, .flush_ns = 0});
		Device &cow = *fixture.world.find_device("fast");
		Mapped snapshot("snapshot");
		ASSERT_EQ(snapshot.create(TargetType::snapshot, 1024, "disk fast P 8"), 0);
		ASSERT_EQ(fixture.write(0, 800), 0);
		snapshot.remove();
		fixture.origin.remove();
		Mapped merging("merging");
		/* The list is uncertain and stays so: a write to its chunks waits, then fails. */
		cow.fail_range(Op::write, 0, 16);
		ASSERT_EQ(merging.create(TargetType::merge, 1024, "disk fast P 8"), 0);
		fixture.world.settle();
		ASSERT_EQ(merging.status(), "Merge failed");
		for (uint64_t n = 0; n < 8; n++)
			fixture.world.spawn("writer", [&, n] {
				EXPECT_EQ(merging.write(n * 8, fixture.fresh(n * 8, 8)), -5);
			});
		fixture.world.settle();
		/* No writer that has left is still counted, so writes proceed now. */
		cow.clear_faults();
		merging.suspend();
		ASSERT_EQ(merging.resume(), 0);
		fixture.world.run_until_idle();
		EXPECT_EQ(merging.status(), "16/4096 16");
		merging.remove();
	});
}

} // namespace
} // namespace dmsnap::test
