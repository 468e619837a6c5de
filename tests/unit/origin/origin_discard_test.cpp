// SPDX-License-Identifier: GPL-2.0-only
/*
 * Discards to an origin: they discard what no snapshot needs, leave the rest alone, and use no
 * space on COW devices.
 */
#include <gtest/gtest.h>

#include "unit/snapshot/snapshot_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Op;

/* Are these sectors zero?  The devices here zero what is discarded. */
bool zero(const user::Device &disk, uint64_t sector, uint64_t count)
{
	for (uint8_t byte : disk.peek(sector, count))
		if (byte)
			return false;
	return true;
}

/* The sectors that differ from @before. */
std::vector<uint64_t> changed(const SnapshotFixture &fixture, const std::vector<uint8_t> &before)
{
	std::vector<uint64_t> sectors;
	std::vector<uint8_t> now = fixture.disk.peek(0, fixture.sectors);
	for (uint64_t at = 0; at < fixture.sectors; at++)
		if (!std::equal(now.begin() + static_cast<ptrdiff_t>(at * 512),
				now.begin() + static_cast<ptrdiff_t>((at + 1) * 512),
				before.begin() + static_cast<ptrdiff_t>(at * 512)))
			sectors.push_back(at);
	return sectors;
}

std::string stat(SnapshotFixture::Snap &snap, const std::string &name)
{
	std::string answer;
	EXPECT_EQ(snap.mapped.message({"stats"}, &answer), 0);
	size_t at = answer.find("\n" + name + " ") + name.size() + 2;
	return answer.substr(at, answer.find('\n', at) - at);
}

TEST(OriginDiscard, goes_down_whole_without_a_snapshot_there)
{
	SnapshotFixture fixture;
	ASSERT_EQ(fixture.origin.discard(3, 4000), 0);
	EXPECT_EQ(fixture.disk.counters().discards, 1u);
	EXPECT_TRUE(zero(fixture.disk, 3, 4000));
	EXPECT_FALSE(zero(fixture.disk, 0, 3));
}

TEST(OriginDiscard, leaves_what_a_snapshot_lacks)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	std::vector<uint8_t> before = fixture.disk.peek(0, fixture.sectors);
	ASSERT_EQ(fixture.origin.discard(0, fixture.sectors), 0);
	EXPECT_TRUE(changed(fixture, before).empty());
	EXPECT_EQ(fixture.disk.counters().discards, 0u);
	EXPECT_EQ(snap.mapped.status(), "16/16384 16");
	EXPECT_EQ(stat(snap, "origin_discards_left_sectors"), std::to_string(fixture.sectors));
}

TEST(OriginDiscard, discards_what_all_have_in_pieces)
{
	SnapshotFixture fixture;
	fixture.add("P 8");
	ASSERT_EQ(fixture.write(64, 64), 0);
	ASSERT_EQ(fixture.write(1024, 128), 0);
	ASSERT_EQ(fixture.origin.flush(), 0);
	auto &large = fixture.add("P 32");
	ASSERT_EQ(fixture.write(72, 8), 0);
	ASSERT_EQ(fixture.write(1064, 8), 0);
	fixture.disk.reset_log();
	std::vector<uint8_t> before = fixture.disk.peek(0, fixture.sectors);
	ASSERT_EQ(fixture.origin.discard(0, fixture.sectors), 0);
	std::vector<uint64_t> sectors = changed(fixture, before);
	/* The second snapshot has sectors 64..95 and 1056..1087, and the first one has them too. */
	ASSERT_EQ(sectors.size(), 64u);
	EXPECT_EQ(sectors.front(), 64u);
	EXPECT_EQ(sectors[31], 95u);
	EXPECT_EQ(sectors[32], 1056u);
	EXPECT_EQ(sectors.back(), 1087u);
	EXPECT_EQ(fixture.disk.counters().discards, 2u);
	EXPECT_EQ(stat(large, "origin_discarded_sectors"), "64");
	for (auto &snap : fixture.snaps)
		EXPECT_TRUE(fixture.right(*snap));
	fixture.crash();
	for (auto &snap : fixture.snaps)
		EXPECT_TRUE(fixture.right(*snap));
}

TEST(OriginDiscard, a_snapshot_that_is_shorter_watches_its_part)
{
	SnapshotFixture fixture;
	fixture.add("P 8", 16384, 1000);
	ASSERT_EQ(fixture.origin.discard(0, fixture.sectors), 0);
	EXPECT_FALSE(zero(fixture.disk, 992, 8));
	EXPECT_TRUE(zero(fixture.disk, 1000, fixture.sectors - 1000));
	EXPECT_TRUE(fixture.right(*fixture.snaps[0]));
}

TEST(OriginDiscard, waits_for_no_copy_and_goes_past_none)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	snap.cow.hang();
	auto write = fixture.start_write(64, 8);
	fixture.world.run_until_idle();
	ASSERT_FALSE(write->done);
	/* The copy is pending and not settled. */
	std::vector<uint8_t> before = fixture.disk.peek(0, fixture.sectors);
	ASSERT_EQ(fixture.origin.discard(56, 24), 0);
	EXPECT_TRUE(changed(fixture, before).empty());
	snap.cow.wake_up();
	ASSERT_EQ(fixture.origin.wait(write), 0);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(OriginDiscard, does_not_mark_a_store_that_cannot_be_loaded)
{
	SnapshotFixture fixture;
	fixture.world.refuse_bad_store = false;
	fixture.add("P 8");
	fixture.snaps[0]->mapped.remove();
	/* No header of this format. */
	fixture.snaps[0]->cow.poke(0, std::vector<uint8_t>(512, 0x5a));
	fixture.snaps[0]->cow.poke(
		0, std::vector<uint8_t>({'S', 'n', 'A', 'p', 1, 0, 0, 0, 9, 0, 0, 0}));
	std::vector<uint8_t> store = fixture.snaps[0]->cow.peek(0, 16);
	user::Mapped &snap = fixture.snaps[0]->mapped;
	ASSERT_EQ(snap.create(user::TargetType::snapshot, fixture.sectors, fixture.snaps[0]->words),
		  0);
	ASSERT_EQ(fixture.origin.discard(0, fixture.sectors), 0);
	fixture.world.run_until_idle();
	EXPECT_FALSE(zero(fixture.disk, 0, 8));
	EXPECT_EQ(fixture.snaps[0]->cow.peek(0, 16), store);
}

TEST(OriginDiscard, an_error_of_the_device_ends_it)
{
	SnapshotFixture fixture;
	fixture.disk.fail_range(Op::discard, 0, fixture.sectors);
	EXPECT_NE(fixture.origin.discard(0, fixture.sectors), 0);
}

TEST(OriginDiscard, of_many_pieces_lets_others_have_their_turn)
{
	SnapshotFixture fixture(65536);
	auto &snap = fixture.add("P 1", 1 << 18);
	for (uint64_t at = 0; at < 8192; at += 2)
		ASSERT_EQ(fixture.write(at, 1), 0);
	std::vector<uint8_t> before = fixture.disk.peek(0, fixture.sectors);
	ASSERT_EQ(fixture.origin.discard(1, 8191), 0);
	EXPECT_EQ(changed(fixture, before).size(), 4095u);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(OriginDiscard, leaves_the_rest_alone_during_a_suspend)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 1");
	for (uint64_t at = 0; at < 64; at += 2)
		ASSERT_EQ(fixture.write(at, 1), 0);
	fixture.disk.reset_log();
	fixture.disk.hold(Op::discard);
	auto discard = fixture.origin.start_discard(0, fixture.sectors);
	fixture.world.run_until_idle();
	ASSERT_FALSE(discard->done);
	fixture.origin.presuspend();
	fixture.disk.release();
	EXPECT_EQ(fixture.origin.wait(discard), 0);
	EXPECT_EQ(fixture.disk.counters().discards, 1u);
	ASSERT_EQ(fixture.origin.suspend(), 0);
	ASSERT_EQ(fixture.origin.resume(), 0);
	ASSERT_EQ(fixture.origin.discard(0, fixture.sectors), 0);
	EXPECT_EQ(fixture.disk.counters().discards, 33u);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(OriginDiscard, is_offered_unless_a_parameter_says_no)
{
	SnapshotFixture fixture;
	fixture.world.origin_discards = false;
	user::Mapped other("other");
	ASSERT_EQ(other.create(user::TargetType::origin, fixture.sectors, "disk"), 0);
	EXPECT_EQ(other.discard(0, 8), -EOPNOTSUPP);
	EXPECT_EQ(fixture.origin.discard(0, 8), 0);
}

} // namespace
} // namespace dmsnap::test
