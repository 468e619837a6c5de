// SPDX-License-Identifier: GPL-2.0-only
/* The status of a snapshot in each stage, and what it does when it is full. */
#include <array>
#include <cstring>

#include <gtest/gtest.h>

#include "unit/snapshot/snapshot_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Mapped;
using user::TargetType;

/* The header, an area and two data chunks. */
constexpr uint64_t room_for_two = 4 * 8;

TEST(SnapshotStatus, of_a_new_store_counts_its_metadata)
{
	SnapshotFixture fixture;
	EXPECT_EQ(fixture.add("P 8").mapped.status(), "16/16384 16");
	EXPECT_EQ(fixture.add("P 128").mapped.status(), "256/16384 256");
	EXPECT_EQ(fixture.add("N 8").mapped.status(), "0/16384 0");
}

TEST(SnapshotStatus, counts_chunks_as_they_are_taken)
{
	SnapshotFixture fixture;
	auto &persistent = fixture.add("P 8");
	auto &transient = fixture.add("N 16");
	ASSERT_EQ(fixture.write(0, 8), 0);
	EXPECT_EQ(persistent.mapped.status(), "24/16384 16");
	EXPECT_EQ(transient.mapped.status(), "16/16384 0");
	ASSERT_EQ(fixture.write(persistent, 100, 1), 0);
	EXPECT_EQ(persistent.mapped.status(), "32/16384 16");
}

TEST(SnapshotStatus, counts_the_second_area)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(0, 257 * 8), 0);
	/* The header, two areas and 257 chunks. */
	EXPECT_EQ(snap.mapped.status(), "2080/16384 24");
	fixture.crash();
	EXPECT_EQ(snap.mapped.status(), "2080/16384 24");
	EXPECT_TRUE(fixture.right(snap));
}

/* Usage minus metadata is always what the data takes. */
TEST(SnapshotStatus, counts_the_areas_of_writes_that_are_not_recorded_yet)
{
	SnapshotFixture fixture(8192);
	auto &snap = fixture.add("P 8");
	for (uint64_t n = 1; n <= 600; n++) {
		/* Each chunk once, in scattered order. */
		ASSERT_EQ(fixture.write(snap, n * 389 % 1024 * 8, 8), 0);
		uint64_t allocated, metadata;
		ASSERT_EQ(std::sscanf(snap.mapped.status().c_str(), "%lu/16384 %lu", &allocated,
				      &metadata),
			  2);
		ASSERT_EQ(allocated - metadata, n * 8);
	}
	EXPECT_EQ(snap.mapped.status(), "4832/16384 32");
	ASSERT_EQ(snap.mapped.flush(), 0);
	EXPECT_EQ(snap.mapped.status(), "4832/16384 32");
}

TEST(SnapshotStatus, survives_a_reactivation)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(0, 80), 0);
	std::string before = snap.mapped.status();
	snap.mapped.remove();
	ASSERT_EQ(snap.mapped.create(TargetType::snapshot, 4096, snap.words), 0);
	EXPECT_EQ(snap.mapped.status(), before);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotStatus, the_table_line_shows_the_chunk_size_in_use)
{
	SnapshotFixture fixture;
	EXPECT_EQ(fixture.origin.table(), "252:0");
	EXPECT_EQ(fixture.origin.status(), "");
	EXPECT_EQ(fixture.add("p 0").mapped.table(), "252:0 252:1 P 32");
	EXPECT_EQ(fixture.add("po 8").mapped.table(), "252:0 252:2 PO 8");
	EXPECT_EQ(fixture.add("N 64 1 discard_zeroes_cow").mapped.table(),
		  "252:0 252:3 N 64 1 discard_zeroes_cow");
	auto &snap = fixture.add("P 16");
	snap.mapped.remove();
	ASSERT_EQ(snap.mapped.create(TargetType::snapshot, 4096, "disk cow3 P 64"), 0);
	EXPECT_EQ(snap.mapped.table(), "252:0 252:4 P 16");
	EXPECT_TRUE(fixture.world.log_holds(
		"chunk size 16 in device metadata overrides table chunk size of 64."));
}

TEST(SnapshotStatus, for_the_integrity_measurement_names_target_devices_and_state)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8", 32);
	auto measurement = [&] {
		std::array<char, 512> buffer{};
		size_t length = dmsnap_core_snapshot_status(snap.mapped.snapshot(),
							    DMSNAP_STATUS_IMA, "snapshot", "1.16.0",
							    buffer.data(), buffer.size());
		EXPECT_EQ(length, std::strlen(buffer.data()));
		return std::string(buffer.data());
	};
	const std::string front =
		"target_name=snapshot,target_version=1.16.0,snap_origin_name=252:0,snap_cow_name=252:1,";
	EXPECT_EQ(measurement(), front + "snap_valid=y,snap_merge_failed=n,snapshot_overflowed=n;");
	EXPECT_EQ(fixture.write(0, 4096), 0);
	EXPECT_EQ(measurement(), front + "snap_valid=n,snap_merge_failed=n,snapshot_overflowed=n;");
}

TEST(OriginStatus, is_empty_but_for_its_table)
{
	SnapshotFixture fixture;
	EXPECT_EQ(fixture.origin.status(), "");
	EXPECT_EQ(fixture.origin.table(), "252:0");
	char untouched = '#';
	EXPECT_EQ(dmsnap_core_origin_status(fixture.origin.origin(), DMSNAP_STATUS_INFO, &untouched,
					    0),
		  0u);
	EXPECT_EQ(untouched, '#');
}

TEST(SnapshotOverflow, without_the_option_invalidates)
{
	for (const char *store : {"P 8", "N 8"}) {
		SnapshotFixture fixture;
		auto &snap = fixture.add(store, store[0] == 'P' ? room_for_two : 16);
		ASSERT_EQ(fixture.write(snap, 0, 16), 0);
		EXPECT_EQ(fixture.write(snap, 16, 8), -5);
		EXPECT_EQ(snap.mapped.status(), "Invalid");
		fixture.world.settle();
		EXPECT_EQ(snap.mapped.events(), 1u);
		EXPECT_TRUE(fixture.world.log_holds(
			"Invalidating snapshot: Unable to allocate exception."));
		std::vector<uint8_t> data(4096);
		EXPECT_EQ(snap.mapped.read(0, data), -5);
		EXPECT_EQ(fixture.write(0, 4096), 0);
	}
}

TEST(SnapshotOverflow, with_the_option_fails_all_writes_and_serves_reads)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("PO 8", room_for_two);
	ASSERT_EQ(fixture.write(snap, 0, 16), 0);
	EXPECT_EQ(fixture.write(snap, 16, 8), -5);
	EXPECT_EQ(snap.mapped.status(), "Overflow");
	EXPECT_EQ(snap.mapped.events(), 0u);
	EXPECT_TRUE(fixture.world.log_holds("Snapshot overflowed: Unable to allocate exception."));
	EXPECT_EQ(fixture.write(snap, 0, 8), -5);
	EXPECT_TRUE(fixture.right(snap));
	EXPECT_EQ(snap.mapped.flush(), 0);
}

TEST(SnapshotOverflow, of_an_origin_write_invalidates_also_with_the_option)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("PO 8", room_for_two);
	auto &other = fixture.add("P 8");
	EXPECT_EQ(fixture.write(0, 24), 0);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
	EXPECT_TRUE(fixture.right(other));
	fixture.crash();
	EXPECT_EQ(snap.mapped.status(), "Invalid");
}

TEST(SnapshotOverflow, does_not_harm_origin_writes_to_chunks_it_has)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("PO 8", room_for_two);
	ASSERT_EQ(fixture.write(snap, 0, 16), 0);
	EXPECT_EQ(fixture.write(snap, 16, 8), -5);
	EXPECT_EQ(fixture.write(0, 16), 0);
	EXPECT_EQ(snap.mapped.status(), "Overflow");
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotOverflow, is_forgotten_by_a_reactivation)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("PO 8", room_for_two);
	ASSERT_EQ(fixture.write(snap, 0, 16), 0);
	EXPECT_EQ(fixture.write(snap, 16, 8), -5);
	snap.mapped.remove();
	snap.cow.resize(64);
	ASSERT_EQ(snap.mapped.create(TargetType::snapshot, 4096, snap.words), 0);
	EXPECT_EQ(snap.mapped.status(), "32/64 16");
	EXPECT_EQ(fixture.write(snap, 16, 8), 0);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotOverflow, a_cow_device_that_grows_in_time_prevents_it)
{
	for (const char *store : {"P 8", "N 8"}) {
		SnapshotFixture fixture;
		auto &snap = fixture.add(store, room_for_two);
		ASSERT_EQ(fixture.write(snap, 0, 16), 0);
		snap.cow.resize(4096);
		EXPECT_EQ(fixture.write(snap, 100, 200), 0);
		EXPECT_NE(snap.mapped.status().find("/4096 "), std::string::npos);
		EXPECT_TRUE(fixture.right(snap));
	}
}

/* The width of the table's chunk numbers follows from the device's size at load. */
TEST(SnapshotOverflow, a_cow_device_is_used_as_far_as_the_chunk_numbers_of_its_load_go)
{
	constexpr uint64_t numbers = uint64_t{1} << 32;
	for (const char *store : {"P 1", "N 1"}) {
		SnapshotFixture fixture;
		auto &snap = fixture.add(store, 4096);
		snap.cow.resize(2 * numbers);
		EXPECT_EQ(fixture.write(0, 20), 0);
		EXPECT_NE(snap.mapped.status().find("/4294967296 "), std::string::npos);
		EXPECT_TRUE(fixture.world.log_holds("it has grown beyond 4294967296 chunks"));
		/* The table stays, and so does the limit. */
		ASSERT_EQ(snap.mapped.load(TargetType::snapshot, 4096, snap.words), 0);
		ASSERT_EQ(snap.mapped.resume(), 0);
		EXPECT_NE(snap.mapped.status().find("/4294967296 "), std::string::npos);
		EXPECT_TRUE(fixture.right(snap));
	}
}

/* A load makes the numbers wide enough for the larger device. */
TEST(SnapshotOverflow, a_cow_device_is_used_whole_after_a_reactivation)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 1", 4096);
	ASSERT_EQ(fixture.write(0, 20), 0);
	snap.cow.resize(uint64_t{1} << 33);
	snap.mapped.remove();
	ASSERT_EQ(snap.mapped.create(TargetType::snapshot, 4096, snap.words), 0);
	EXPECT_NE(snap.mapped.status().find("/8589934592 "), std::string::npos);
	EXPECT_EQ(fixture.write(100, 20), 0);
	EXPECT_FALSE(fixture.world.log_holds("it has grown beyond"));
}

/* 256 entries fill an area, and the list needs another one after it. */
TEST(SnapshotOverflow, at_the_end_of_an_area_is_lack_of_space_and_no_error)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("PO 8", 258 * 8);
	ASSERT_EQ(fixture.write(snap, 0, 255 * 8), 0);
	EXPECT_EQ(fixture.write(snap, 255 * 8, 8), -5);
	EXPECT_EQ(snap.mapped.status(), "Overflow");
	EXPECT_FALSE(fixture.world.log_holds("Error reading/writing"));
	ASSERT_EQ(snap.mapped.flush(), 0);
	fixture.crash();
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotOverflow, needs_the_whole_device_to_be_full)
{
	SnapshotFixture fixture;
	/* Two areas, and as many chunks as there is room for. */
	auto &snap = fixture.add("PO 8", (1 + 1 + 256 + 1 + 20) * 8);
	ASSERT_EQ(fixture.write(snap, 0, (256 + 20) * 8), 0);
	EXPECT_EQ(fixture.write(snap, 4000, 8), -5);
	ASSERT_EQ(snap.mapped.flush(), 0);
	fixture.crash();
	EXPECT_TRUE(fixture.right(snap));
}

} // namespace
} // namespace dmsnap::test
