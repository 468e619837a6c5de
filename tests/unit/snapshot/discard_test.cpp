// SPDX-License-Identifier: GPL-2.0-only
/* Discards to a snapshot. */
#include <gtest/gtest.h>

#include "unit/snapshot/snapshot_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Op;
using user::TargetType;

TEST(SnapshotDiscard, is_refused_without_the_feature)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	EXPECT_EQ(snap.mapped.discard(0, 8), -95);
}

TEST(SnapshotDiscard, of_whole_chunks_it_has_zeroes_them_in_place)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8 1 discard_zeroes_cow");
	ASSERT_EQ(fixture.write(snap, 0, 16), 0);
	std::string before = snap.mapped.status();
	snap.cow.reset_log();
	ASSERT_EQ(snap.mapped.discard(0, 16), 0);
	EXPECT_EQ(snap.cow.counters().zeroes, 2u);
	EXPECT_EQ(snap.mapped.status(), before);
	snap.frozen.write(0, std::vector<uint8_t>(16 * 512));
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotDiscard, of_chunks_it_lacks_does_nothing)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8 1 discard_zeroes_cow");
	ASSERT_EQ(snap.mapped.discard(0, 64), 0);
	EXPECT_EQ(snap.cow.log().size(), 0u);
	EXPECT_EQ(fixture.disk.log().size(), 0u);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotDiscard, of_a_part_is_passed_to_the_cow_device)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8 1 discard_zeroes_cow");
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	snap.cow.reset_log();
	ASSERT_EQ(snap.mapped.discard(2, 3), 0);
	EXPECT_EQ(snap.cow.counters().zeroes, 0u);
	ASSERT_EQ(snap.cow.counters().discards, 1u);
	EXPECT_EQ(snap.cow.log()[0].sectors, 3u);
	EXPECT_TRUE(snap.frozen.matches(5, snap.mapped.read(5, 3)));
}

TEST(SnapshotDiscard, over_two_chunks_fails_when_one_of_them_does)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8 1 discard_zeroes_cow");
	ASSERT_EQ(fixture.write(snap, 0, 16), 0);
	for (uint64_t part : {1, 2}) {
		snap.cow.fail_nth(Op::discard, part);
		EXPECT_EQ(snap.mapped.discard(4, 8), -5) << part;
		snap.cow.clear_faults();
	}
	snap.cow.reset_log();
	EXPECT_EQ(snap.mapped.discard(4, 8), 0);
	EXPECT_EQ(snap.cow.counters().discards, 2u);
}

/* A bio that dm has not split at chunks, because the limit may have changed since. */
TEST(SnapshotDiscard, of_many_chunks_does_to_each_run_what_it_needs)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8 1 discard_zeroes_cow");
	ASSERT_EQ(fixture.write(snap, 0, 24), 0);
	ASSERT_EQ(fixture.write(snap, 32, 16), 0);
	snap.cow.reset_log();
	dmsnap_bio_desc desc{
		.sector = 4, .sectors = 40, .op = DMSNAP_BIO_DISCARD, .fua = false, .nr = 0};
	std::vector<uint64_t> space((dmsnap_core_io_bytes() + 7) / 8);
	int error = 1;
	user::Bio bio(desc, {}, [&](int result) { error = result; });
	bio.begin_map();
	bio.end_map(dmsnap_core_snapshot_map(snap.mapped.snapshot(), &bio, &desc, space.data()));
	ASSERT_TRUE(fixture.world.run_until([&] { return error != 1; }));
	EXPECT_EQ(error, 0);

	/* The chunks follow the header and the area without a gap. */
	using Io = std::tuple<Op, uint64_t, uint64_t>;
	std::vector<Io> done;
	for (const auto &io : snap.cow.log())
		done.emplace_back(io.op, io.sector, io.sectors);
	EXPECT_EQ(done, (std::vector<Io>{{Op::discard, 16 + 4, 4},
					 {Op::zero, 16 + 8, 16},
					 {Op::zero, 16 + 24, 8},
					 {Op::discard, 16 + 32, 4}}));
}

/* dm asks for the limits when it swaps the tables, which is before the handover. */
TEST(SnapshotDiscard, of_one_that_takes_a_store_over_is_cut_at_the_chunks_of_that)
{
	for (const char *chunk : {"0", "64"}) {
		SnapshotFixture fixture;
		auto &snap = fixture.add("P 16 1 discard_zeroes_cow");
		ASSERT_EQ(fixture.write(snap, 0, 64), 0);
		ASSERT_EQ(snap.mapped.load(TargetType::snapshot, fixture.sectors,
					   std::string("disk cow0 P ") + chunk +
						   " 1 discard_zeroes_cow"),
			  0);
		ASSERT_EQ(snap.mapped.resume(), 0);
		snap.cow.reset_log();
		ASSERT_EQ(snap.mapped.discard(0, 64), 0);
		EXPECT_EQ(snap.cow.counters().zeroes, 4u);
		EXPECT_EQ(snap.cow.counters().discards, 0u);
	}
}

TEST(SnapshotDiscard, with_passdown_reaches_the_origin_too)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8 2 discard_zeroes_cow discard_passdown_origin");
	ASSERT_EQ(snap.mapped.discard(8, 8), 0);
	ASSERT_EQ(fixture.disk.counters().discards, 1u);
	EXPECT_EQ(fixture.disk.log()[0].sector, 8u);
}

} // namespace
} // namespace dmsnap::test
