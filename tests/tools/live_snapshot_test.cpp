// SPDX-License-Identifier: GPL-2.0-only
/* Live snapshots: table and status lines as both drivers print them. */
#include <gtest/gtest.h>
#include <libdevmapper.h>

#include "live/live_snapshot.hpp"

namespace dmsnap::test {
namespace {

using namespace tool;

LiveSnapshot with_status(const std::string &target, const std::string &words,
			 bool suspended = false)
{
	LiveSnapshot snapshot;
	EXPECT_TRUE(take_target(snapshot, target));
	snapshot.is_suspended = suspended;
	take_status(snapshot, words);
	return snapshot;
}

/* The library would print errors to standard error. */
void say_nothing(int, const char *, int, int, const char *, ...)
{
}

TEST(LiveSnapshotTest, knows_its_targets)
{
	LiveSnapshot snapshot;
	EXPECT_TRUE(take_target(snapshot, "snapshot"));
	EXPECT_FALSE(snapshot.is_merge);
	EXPECT_TRUE(take_target(snapshot, "snapshot-merge"));
	EXPECT_TRUE(snapshot.is_merge);
	for (const char *other : {"snapshot-origin", "linear", "thin", ""})
		EXPECT_FALSE(take_target(snapshot, other)) << other;
}

TEST(LiveSnapshotTest, reads_a_table_line)
{
	LiveSnapshot snapshot;
	ASSERT_TRUE(take_table(snapshot, "253:2 8:17 PO 32 1 discard_zeroes_cow"));
	EXPECT_EQ(snapshot.origin, (DeviceNumber{253, 2}));
	EXPECT_EQ(to_text(snapshot.cow), "8:17");
	EXPECT_EQ(snapshot.store, "PO");
	EXPECT_EQ(snapshot.chunk_sectors, 32u);
}

TEST(LiveSnapshotTest, refuses_text_that_is_no_table_line)
{
	LiveSnapshot snapshot;
	for (const char *words : {"", "253:2", "253:2 253:3 P", "253:2 253:3 P x",
				  "/dev/a 253:3 P 8", "253:2 253:3x P 8", "253: 253:3 P 8"})
		EXPECT_FALSE(take_table(snapshot, words)) << words;
}

TEST(LiveSnapshotTest, reads_the_usage)
{
	LiveSnapshot snapshot = with_status("snapshot", "1024/8192 16");
	EXPECT_EQ(snapshot.state, SnapshotState::active);
	ASSERT_TRUE(snapshot.usage);
	EXPECT_EQ(snapshot.usage->used, 1024u);
	EXPECT_EQ(snapshot.usage->total, 8192u);
	EXPECT_EQ(snapshot.usage->metadata, 16u);
	EXPECT_DOUBLE_EQ(snapshot.usage->full(), 0.125);
	EXPECT_FALSE(snapshot.is_bad());
}

TEST(LiveSnapshotTest, reads_numbers_of_all_sizes)
{
	LiveSnapshot snapshot = with_status("snapshot", "8796093022216/18446744073709551615 16");
	ASSERT_TRUE(snapshot.usage);
	EXPECT_EQ(snapshot.usage->used, 8796093022216u);
	EXPECT_EQ(snapshot.usage->total, UINT64_MAX);
	/* The source of a handover. */
	EXPECT_EQ(with_status("snapshot", "0/0 0").usage->full(), 1);
	/* The next chunk is one past the end, because the last one is an area. */
	EXPECT_EQ(with_status("snapshot", "332/331 4").usage->full(), 1);
}

TEST(LiveSnapshotTest, a_merge_is_over_when_nothing_but_metadata_is_in_use)
{
	LiveSnapshot snapshot = with_status("snapshot-merge", "1040/8192 16");
	EXPECT_EQ(snapshot.state, SnapshotState::merging);
	EXPECT_EQ(snapshot.usage->unmerged(), 1024u);
	EXPECT_EQ(with_status("snapshot-merge", "16/8192 16").state, SnapshotState::merged);
	EXPECT_EQ(with_status("snapshot", "16/8192 16").state, SnapshotState::active);
}

TEST(LiveSnapshotTest, a_word_is_worse_than_a_suspension)
{
	EXPECT_EQ(with_status("snapshot", "16/8192 16", true).state, SnapshotState::suspended);
	EXPECT_EQ(with_status("snapshot-merge", "32/8192 16", true).state,
		  SnapshotState::suspended);
	for (bool suspended : {false, true}) {
		EXPECT_EQ(with_status("snapshot", "Invalid", suspended).state,
			  SnapshotState::invalid);
		EXPECT_EQ(with_status("snapshot", "Overflow", suspended).state,
			  SnapshotState::overflow);
		EXPECT_EQ(with_status("snapshot-merge", "Merge failed", suspended).state,
			  SnapshotState::merge_failed);
	}
}

TEST(LiveSnapshotTest, what_it_does_not_know_is_bad_too)
{
	dm_log_with_errno_init(say_nothing);
	for (const char *words : {"Unknown", "", "16", "16/x 3", "-"}) {
		LiveSnapshot snapshot = with_status("snapshot", words);
		EXPECT_EQ(snapshot.state, SnapshotState::unknown) << words;
		EXPECT_FALSE(snapshot.usage) << words;
		EXPECT_TRUE(snapshot.is_bad()) << words;
	}
	EXPECT_TRUE(with_status("snapshot", "Invalid").is_bad());
	EXPECT_FALSE(with_status("snapshot", "Invalid").usage);
}

} // namespace
} // namespace dmsnap::test
