// SPDX-License-Identifier: GPL-2.0-only
/* Messages to a snapshot, and the events that it raises. */
#include <cerrno>
#include <map>
#include <sstream>

#include <gtest/gtest.h>

#include "unit/snapshot/snapshot_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::TargetType;

TEST(SnapshotMessage, that_is_none_is_refused)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	EXPECT_EQ(snap.mapped.message({}), -EINVAL);
	EXPECT_EQ(snap.mapped.message({"nonsense"}), -EINVAL);
	EXPECT_EQ(snap.mapped.message({"low_water", "101"}), -EINVAL);
	EXPECT_EQ(snap.mapped.message({"merge", "pause"}), -EINVAL);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotMessage, cannot_write_lines_of_its_own_into_the_log)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	const size_t lines = fixture.world.log().size();
	EXPECT_EQ(snap.mapped.message({"x\ndevice-mapper: a lie\r\t\x1b[31m\x01\x9b\"\\ \xc3\xa9"}),
		  -EINVAL);
	ASSERT_EQ(fixture.world.log().size(), lines + 1);
	/* Escaped as by the kernel's %pE. */
	EXPECT_TRUE(fixture.world.log_holds(
		"message x\\ndevice-mapper: a lie\\r\\t\\e[31m\\001\\233\"\\ \xc3\xa9: "))
		<< fixture.world.log().back();
}

TEST(SnapshotMessage, of_any_length_is_refused_with_the_reason)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	EXPECT_EQ(snap.mapped.message({std::string(5000, 'x')}), -EINVAL);
	EXPECT_TRUE(fixture.world.log_holds("xxx: there is no such message"))
		<< fixture.world.log().back();
}

TEST(SnapshotMessage, commit_makes_unflushed_writes_durable)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	ASSERT_EQ(fixture.write(snap, 100, 40), 0);
	std::string answer;
	ASSERT_EQ(snap.mapped.message({"commit"}, &answer), 0);
	/* Sectors 0 to 7 are one chunk, and 100 to 139 are six. */
	EXPECT_EQ(answer, "committed 7");
	fixture.crash();
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotMessage, commit_makes_data_durable_that_needs_no_exception)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	ASSERT_EQ(snap.mapped.message({"commit"}), 0);
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	std::string answer;
	ASSERT_EQ(snap.mapped.message({"commit"}, &answer), 0);
	EXPECT_EQ(answer, "committed 1");
	fixture.crash();
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotMessage, commit_says_that_it_failed)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	snap.cow.fail_range(user::Op::write, 0, 16384);
	EXPECT_EQ(snap.mapped.message({"commit"}), -EIO);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
	EXPECT_EQ(snap.mapped.message({"commit"}), -EIO);
	snap.cow.clear_faults();

	auto &other = fixture.add("P 8");
	other.cow.fail_nth(user::Op::flush, 1);
	EXPECT_EQ(other.mapped.message({"commit"}), -EIO);
}

TEST(SnapshotMessage, commit_is_for_stores_that_stay)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("N 8");
	EXPECT_EQ(snap.mapped.message({"commit"}), -EINVAL);
}

TEST(SnapshotMessage, stall_is_for_stores_that_stay)
{
	SnapshotFixture fixture;
	EXPECT_EQ(fixture.add("N 8").mapped.message({"stall", "on"}), -EINVAL);
	EXPECT_EQ(fixture.add("P 8").mapped.message({"stall", "on"}), 0);
}

TEST(SnapshotMessage, low_water_raises_one_event_when_it_is_passed)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8", 1000);
	ASSERT_EQ(snap.mapped.message({"low_water", "50"}), 0);
	/* 16 sectors are in use; 61 chunks of 8 make 504. */
	ASSERT_EQ(fixture.write(0, 60 * 8), 0);
	EXPECT_EQ(snap.mapped.events(), 0u);
	ASSERT_EQ(fixture.write(60 * 8, 8), 0);
	EXPECT_EQ(snap.mapped.events(), 1u);
	ASSERT_EQ(fixture.write(61 * 8, 80), 0);
	EXPECT_EQ(snap.mapped.events(), 1u);

	/* The COW device grows: the usage falls below the mark, then passes it again. */
	snap.cow.resize(2000);
	ASSERT_EQ(fixture.write(71 * 8, 8), 0);
	EXPECT_EQ(snap.mapped.events(), 1u);
	ASSERT_EQ(fixture.write(72 * 8, 60 * 8), 0);
	EXPECT_EQ(snap.mapped.events(), 2u);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotMessage, low_water_that_comes_too_late_raises_an_event_at_once)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8", 1000);
	ASSERT_EQ(fixture.write(0, 800), 0);
	ASSERT_EQ(snap.mapped.message({"low_water", "50"}), 0);
	fixture.world.run_until_idle();
	EXPECT_EQ(snap.mapped.events(), 1u);
	ASSERT_EQ(snap.mapped.message({"low_water", "0"}), 0);
	ASSERT_EQ(fixture.write(800, 80), 0);
	EXPECT_EQ(snap.mapped.events(), 1u);
}

TEST(SnapshotMessage, overflow_raises_an_event)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("PO 8", 4 * 8);
	ASSERT_EQ(fixture.write(snap, 0, 16), 0);
	EXPECT_EQ(snap.mapped.events(), 0u);
	EXPECT_NE(fixture.write(snap, 64, 8), 0);
	fixture.world.run_until_idle();
	EXPECT_EQ(snap.mapped.status(), "Overflow");
	EXPECT_EQ(snap.mapped.events(), 1u);
}

TEST(SnapshotMessage, in_flight_is_a_limit_of_one_snapshot)
{
	/* The most I/Os in flight to the COW device, with and without a limit. */
	for (const char *limit : {"1", "0"}) {
		SnapshotFixture fixture;
		auto &snap = fixture.add("P 8");
		ASSERT_EQ(snap.mapped.message({"in_flight", limit}), 0);
		std::vector<user::Mapped::Handle> writes;
		for (uint64_t i = 0; i < 8; i++)
			writes.push_back(fixture.start_write(i * 64, 8));
		unsigned long long allocated = 0;
		/* These chunks are allocated before any I/O has ended. */
		ASSERT_EQ(std::sscanf(snap.mapped.status().c_str(), "%llu/", &allocated), 1);
		EXPECT_EQ(allocated, 16u + 8 * (limit[0] == '1' ? 2 : 8));
		for (auto &write : writes)
			EXPECT_EQ(fixture.origin.wait(write), 0);
		EXPECT_TRUE(fixture.right(snap));
	}
}

TEST(SnapshotMessage, commit_delay_says_how_long_a_write_may_go_unrecorded)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(snap.mapped.message({"commit_delay", "50"}), 0);
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	uint64_t begun = fixture.world.now_ns();
	uint64_t writes = snap.cow.counters().writes;
	ASSERT_TRUE(fixture.world.run_until(
		[&] { return snap.cow.counters().writes > writes && snap.cow.in_flight() == 0; }));
	uint64_t took_ms = (fixture.world.now_ns() - begun) / 1000000;
	EXPECT_GE(took_ms, 50u);
	EXPECT_LT(took_ms, 200u);
	fixture.crash();
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotMessage, a_shorter_commit_delay_holds_for_a_write_that_waits_already)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(snap.mapped.message({"commit_delay", "60000"}), 0);
	ASSERT_EQ(fixture.write(snap, 0, 8), 0);
	fixture.world.run_for(1'000'000'000);
	ASSERT_EQ(snap.mapped.message({"commit_delay", "50"}), 0);
	fixture.world.run_for(100'000'000);
	fixture.crash();
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotMessage, a_longer_commit_delay_takes_back_nothing_from_a_write_that_waits)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(snap.mapped.message({"commit_delay", "50"}), 0);
	ASSERT_EQ(fixture.write(snap, 100, 8), 0);
	ASSERT_EQ(snap.mapped.message({"commit_delay", "60000"}), 0);
	fixture.world.run_for(100'000'000);
	fixture.crash();
	EXPECT_TRUE(fixture.right(snap));
}

/* The lines of "stats": each name and its value. */
std::map<std::string, std::string> stats_of(user::Mapped &mapped)
{
	std::string answer;
	EXPECT_EQ(mapped.message({"stats"}, &answer), 0);
	std::map<std::string, std::string> lines;
	std::istringstream stream(answer);
	for (std::string line; std::getline(stream, line);) {
		size_t space = line.find(' ');
		lines[line.substr(0, space)] = space == line.npos ? "" : line.substr(space + 1);
	}
	return lines;
}

/* The sum of a histogram's counts. */
uint64_t sum_of(const std::string &histogram)
{
	std::istringstream stream(histogram);
	uint64_t sum = 0;
	for (std::string bucket; stream >> bucket;)
		sum += std::stoull(bucket.substr(bucket.find(':') + 1));
	return sum;
}

TEST(SnapshotMessage, stats_show_that_pages_of_the_table_go_when_the_origin_is_idle)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	auto pages = [&] { return std::stoul(stats_of(snap.mapped)["table_pages"]); };
	const size_t before = pages();
	std::vector<user::Mapped::Handle> writes;
	for (uint64_t n = 0; n < 64; n++)
		writes.push_back(fixture.start_write(n * 32, 8));
	for (auto &write : writes)
		ASSERT_EQ(fixture.origin.wait(write), 0);
	EXPECT_GE(pages(), before + 48);
	fixture.world.run_for(3'000'000'000);
	EXPECT_LE(pages(), before);
}

TEST(SnapshotMessage, stats_count_what_was_done)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(0, 24), 0);
	ASSERT_EQ(fixture.write(800, 8), 0);
	ASSERT_EQ(fixture.write(snap, 160, 16), 0);
	ASSERT_EQ(snap.mapped.flush(), 0);
	auto stats = stats_of(snap.mapped);
	EXPECT_EQ(stats["stats"], "1");
	EXPECT_EQ(stats["stalled"], "0");
	EXPECT_EQ(stats["copying_chunks"], "0");
	EXPECT_EQ(stats["copies"], "2");
	EXPECT_EQ(stats["copied_chunks"], "4");
	EXPECT_EQ(sum_of(stats["copy_us"]), 2u);
	EXPECT_EQ(stats["writes"], "1");
	EXPECT_EQ(stats["written_chunks"], "2");
	EXPECT_EQ(sum_of(stats["write_us"]), 1u);
	EXPECT_EQ(sum_of(stats["commit_us"]), 3u);
	EXPECT_EQ(stats["commit_runs"], "1:3");
	EXPECT_EQ(sum_of(stats["readers_us"]), 3u);
	EXPECT_EQ(sum_of(stats["origin_held_us"]), 2u);
	EXPECT_EQ(stats["origin_read_sectors"], "32");
	EXPECT_EQ(stats["origin_written_sectors"], "32");
	EXPECT_EQ(sum_of(stats["origin_read_us"]), 2u);
	EXPECT_EQ(sum_of(stats["origin_write_us"]), 2u);
	EXPECT_EQ(sum_of(stats["origin_page_wait_us"]), 2u);
	EXPECT_EQ(stats.count("invalid_reason"), 0u);
	EXPECT_EQ(stats.count("merged_chunks"), 0u);

	ASSERT_EQ(snap.mapped.message({"stats", "reset"}), 0);
	stats = stats_of(snap.mapped);
	EXPECT_EQ(stats["copies"], "0");
	EXPECT_EQ(stats["copy_us"], "");
	EXPECT_EQ(stats["origin_read_sectors"], "0");
	EXPECT_EQ(stats["origin_held_us"], "");
}

TEST(SnapshotMessage, stats_sort_times_by_powers_of_2)
{
	SnapshotFixture fixture;
	fixture.world.add_device({.name = "slow", .sectors = 16384, .latency_ns = 3000000});
	user::Mapped snapshot("slow");
	ASSERT_EQ(snapshot.create(TargetType::snapshot, 4096, "disk slow P 8"), 0);
	ASSERT_EQ(snapshot.message({"stats", "reset"}), 0);
	ASSERT_EQ(fixture.write(0, 8), 0);
	auto stats = stats_of(snapshot);
	/* 3 ms are in the bucket from 2048 us; the commit also needs a flush. */
	EXPECT_EQ(stats["origin_write_us"], "2048:1");
	EXPECT_EQ(stats["copy_us"], "2048:1");
	EXPECT_EQ(sum_of(stats["commit_us"]), 1u);
	EXPECT_NE(stats["commit_us"].substr(0, 2), "0:");
}

TEST(SnapshotMessage, stats_say_how_a_snapshot_was_lost)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8", 4 * 8);
	ASSERT_EQ(fixture.write(0, 100), 0);
	fixture.world.run_for(5'000'000'000);
	auto stats = stats_of(snap.mapped);
	EXPECT_EQ(stats["invalid_reason"], "no free chunk");
	EXPECT_GE(std::stoull(stats["invalid_seconds"]), 4u);
}

TEST(SnapshotMessage, an_answer_is_cut_where_there_is_no_room)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(0, 100), 0);
	char stats[] = "stats";
	char *argv[] = {stats};
	std::string whole;
	ASSERT_EQ(snap.mapped.message({"stats"}, &whole), 0);
	for (size_t bytes : {0u, 1u, 2u, 7u, 20u, 100u}) {
		std::vector<char> part(bytes + 1, '?');
		EXPECT_EQ(dmsnap_core_snapshot_message(snap.mapped.snapshot(), 1, argv, part.data(),
						       bytes),
			  0);
		EXPECT_EQ(part[bytes], '?');
		if (bytes) {
			EXPECT_EQ(std::string(part.data()), whole.substr(0, bytes - 1));
		}
	}
}

TEST(SnapshotMessage, tunables_go_along_in_a_handover)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8", 1000);
	ASSERT_EQ(snap.mapped.message({"low_water", "50"}), 0);
	ASSERT_EQ(snap.mapped.load(TargetType::snapshot, fixture.sectors, snap.words), 0);
	snap.mapped.suspend();
	ASSERT_EQ(snap.mapped.resume(), 0);
	ASSERT_EQ(fixture.write(0, 800), 0);
	EXPECT_EQ(snap.mapped.events(), 1u);
}

} // namespace
} // namespace dmsnap::test
