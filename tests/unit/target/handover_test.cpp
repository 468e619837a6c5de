// SPDX-License-Identifier: GPL-2.0-only
/* Two snapshots on one COW device: each cell of the drawing in target/handover.hpp. */
#include <gtest/gtest.h>

#include "unit/target/handover_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Mapped;
using user::Target;
using user::TargetType;

constexpr const char *source_first = "Unable to resume snapshot source until handover completes.";
constexpr const char *not_suspended =
	"Unable to perform snapshot handover until source is suspended.";

TEST_F(HandoverTest, the_constructor_makes_a_destination_and_reads_nothing)
{
	source_.cow.reset_log();
	ASSERT_EQ(load(), 0);
	EXPECT_EQ(source_.cow.log().size(), 0u);
	EXPECT_EQ(fixture_.write(source_, 0, 20), 0);
	EXPECT_TRUE(fixture_.right(source_));
}

TEST_F(HandoverTest, a_destination_shows_no_store_until_it_has_one)
{
	Target target{.sectors = 4096};
	std::string words[] = {"disk", "cow0", "P", "8"};
	char *argv[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data()};
	dmsnap_snapshot *snapshot = nullptr;
	dmsnap_target_traits traits;
	const char *error = "";
	ASSERT_EQ(dmsnap_core_snapshot_create(&target, DMSNAP_SNAPSHOT, 4, argv, &snapshot, &traits,
					      &error),
		  0);
	char line[100];
	dmsnap_core_snapshot_status(snapshot, DMSNAP_STATUS_INFO, "", "", line, sizeof(line));
	EXPECT_STREQ(line, "0/16384 0");
	dmsnap_core_snapshot_status(snapshot, DMSNAP_STATUS_TABLE, "", "", line, sizeof(line));
	EXPECT_STREQ(line, "252:0 252:1 P 0");
	dmsnap_core_snapshot_destroy(snapshot);
}

TEST_F(HandoverTest, the_destination_is_not_resumed_before_the_source_is_suspended)
{
	ASSERT_EQ(load(), 0);
	EXPECT_EQ(destination_.resume(), -22);
	EXPECT_TRUE(fixture_.world.log_holds(not_suspended));
	EXPECT_TRUE(fixture_.right(source_));
	/* The new table is live and suspended.  It is resumed when the order is right. */
	source_.mapped.suspend();
	EXPECT_EQ(destination_.resume(), 0);
	EXPECT_TRUE(destination_right());
}

TEST_F(HandoverTest, the_source_is_not_resumed_before_the_destination)
{
	ASSERT_EQ(load(), 0);
	source_.mapped.suspend();
	EXPECT_EQ(source_.mapped.resume(), -22);
	EXPECT_TRUE(fixture_.world.log_holds(source_first));
	EXPECT_EQ(destination_.resume(), 0);
	EXPECT_TRUE(destination_right());
}

TEST_F(HandoverTest, gives_everything_to_the_destination)
{
	ASSERT_EQ(fixture_.write(source_, 0, 20), 0);
	ASSERT_EQ(fixture_.write(100, 200), 0);
	std::string status = source_.mapped.status();
	std::string table = source_.mapped.table();
	ASSERT_EQ(load(), 0);
	source_.mapped.suspend();
	source_.cow.reset_log();
	ASSERT_EQ(destination_.resume(), 0);
	EXPECT_EQ(source_.cow.log().size(), 0u);
	EXPECT_EQ(destination_.status(), status);
	EXPECT_EQ(destination_.table(), table);
	EXPECT_TRUE(destination_right());

	EXPECT_EQ(source_.mapped.status(), "Invalid");
	EXPECT_EQ(source_.mapped.resume(), 0);
	EXPECT_EQ(read_of(source_.mapped), -5);
	EXPECT_EQ(fixture_.write(source_, 0, 8), -5);
	EXPECT_EQ(source_.mapped.events(), 0u);
	source_.mapped.remove();

	EXPECT_EQ(fixture_.write(500, 300), 0);
	EXPECT_TRUE(destination_right());
	fixture_.origin.suspend();
	destination_.remove();
	ASSERT_EQ(source_.mapped.create(TargetType::snapshot, 4096, source_.words), 0);
	fixture_.origin.resume();
	EXPECT_TRUE(fixture_.right(source_));
}

TEST_F(HandoverTest, works_for_a_reload_of_one_device)
{
	ASSERT_EQ(fixture_.write(source_, 0, 20), 0);
	for (int n = 0; n < 3; n++) {
		ASSERT_EQ(source_.mapped.load(TargetType::snapshot, 4096, source_.words), 0);
		EXPECT_EQ(fixture_.write(static_cast<uint64_t>(n) * 100, 100), 0);
		ASSERT_EQ(source_.mapped.resume(), 0);
		EXPECT_TRUE(fixture_.right(source_));
	}
}

TEST_F(HandoverTest, works_for_a_transient_store)
{
	auto &snap = fixture_.add("N 16");
	ASSERT_EQ(fixture_.write(snap, 3, 20), 0);
	ASSERT_EQ(fixture_.write(50, 100), 0);
	std::string status = snap.mapped.status();
	ASSERT_EQ(snap.mapped.load(TargetType::snapshot, 4096, snap.words), 0);
	ASSERT_EQ(snap.mapped.resume(), 0);
	EXPECT_EQ(snap.mapped.status(), status);
	ASSERT_EQ(fixture_.write(200, 100), 0);
	EXPECT_TRUE(fixture_.right(snap));
}

TEST_F(HandoverTest, lazy_entries_are_not_lost)
{
	ASSERT_EQ(fixture_.write(source_, 0, 64), 0);
	ASSERT_EQ(load(), 0);
	source_.mapped.suspend();
	ASSERT_EQ(destination_.resume(), 0);
	EXPECT_TRUE(destination_right());
	source_.mapped.remove();
	destination_.remove();
	fixture_.crash();
	EXPECT_TRUE(fixture_.right(source_));
}

TEST_F(HandoverTest, the_source_going_first_cancels_it)
{
	ASSERT_EQ(fixture_.write(source_, 0, 20), 0);
	ASSERT_EQ(load(), 0);
	source_.mapped.remove();
	EXPECT_TRUE(fixture_.world.log_holds("Cancelling snapshot handover."));
	ASSERT_EQ(destination_.resume(), 0);
	EXPECT_EQ(destination_.status(), "Invalid");
	EXPECT_EQ(read_of(destination_), -5);
	destination_.remove();
	/* The store is unchanged. */
	ASSERT_EQ(source_.mapped.create(TargetType::snapshot, 4096, source_.words), 0);
	EXPECT_TRUE(fixture_.right(source_));
}

TEST_F(HandoverTest, the_destination_going_first_changes_nothing)
{
	ASSERT_EQ(load(), 0);
	destination_.remove();
	source_.mapped.suspend();
	EXPECT_EQ(source_.mapped.resume(), 0);
	EXPECT_EQ(fixture_.write(source_, 0, 20), 0);
	EXPECT_EQ(fixture_.write(100, 200), 0);
	EXPECT_TRUE(fixture_.right(source_));
}

TEST_F(HandoverTest, a_third_snapshot_is_refused)
{
	ASSERT_EQ(load(), 0);
	Mapped third("third");
	EXPECT_EQ(third.load(TargetType::snapshot, 4096, source_.words), -22);
	EXPECT_EQ(third.error_text(), "Snapshot cow pairing for exception table handover failed");
	EXPECT_TRUE(fixture_.right(source_));
}

TEST_F(HandoverTest, a_second_snapshot_is_refused_while_the_first_is_not_active)
{
	fixture_.world.add_device({.name = "other", .sectors = 4096});
	Mapped first("first");
	Mapped second("second");
	ASSERT_EQ(first.load(TargetType::snapshot, 4096, "disk other P 8"), 0);
	EXPECT_EQ(second.load(TargetType::snapshot, 4096, "disk other P 8"), -22);
	EXPECT_EQ(second.error_text(), "Snapshot cow pairing for exception table handover failed");
	EXPECT_EQ(first.resume(), 0);
	EXPECT_EQ(second.load(TargetType::snapshot, 4096, "disk other P 8"), 0);
}

TEST_F(HandoverTest, an_invalid_snapshot_stays_so)
{
	auto &snap = fixture_.add("P 8", 32);
	ASSERT_EQ(fixture_.write(0, 4096), 0);
	ASSERT_EQ(snap.mapped.status(), "Invalid");
	ASSERT_EQ(snap.mapped.load(TargetType::snapshot, 4096, snap.words), 0);
	ASSERT_EQ(snap.mapped.resume(), 0);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
	EXPECT_EQ(read_of(snap.mapped), -5);
	EXPECT_EQ(fixture_.write(0, 4096), 0);
}

TEST_F(HandoverTest, a_snapshot_that_was_loaded_invalid_stays_so)
{
	auto &snap = fixture_.add("P 8", 32);
	ASSERT_EQ(fixture_.write(0, 4096), 0);
	snap.mapped.remove();
	ASSERT_EQ(snap.mapped.create(TargetType::snapshot, 4096, snap.words), 0);
	ASSERT_EQ(snap.mapped.load(TargetType::snapshot, 4096, snap.words), 0);
	ASSERT_EQ(snap.mapped.resume(), 0);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
	EXPECT_EQ(fixture_.write(0, 4096), 0);
}

TEST_F(HandoverTest, an_overflow_stays)
{
	auto &snap = fixture_.add("PO 8", 32);
	ASSERT_EQ(fixture_.write(snap, 0, 16), 0);
	EXPECT_EQ(fixture_.write(snap, 16, 8), -5);
	ASSERT_EQ(snap.mapped.load(TargetType::snapshot, 4096, snap.words), 0);
	ASSERT_EQ(snap.mapped.resume(), 0);
	EXPECT_EQ(snap.mapped.status(), "Overflow");
	EXPECT_TRUE(fixture_.right(snap));
}

TEST_F(HandoverTest, features_are_those_of_the_destination)
{
	ASSERT_EQ(source_.mapped.load(TargetType::snapshot, 4096,
				      "disk cow0 P 8 1 discard_zeroes_cow"),
		  0);
	EXPECT_EQ(source_.mapped.discard(0, 8), -95);
	ASSERT_EQ(source_.mapped.resume(), 0);
	EXPECT_EQ(source_.mapped.table(), "252:0 252:1 P 8 1 discard_zeroes_cow");
	EXPECT_EQ(source_.mapped.discard(0, 8), 0);
}

TEST_F(HandoverTest, may_make_the_snapshot_longer)
{
	auto &snap = fixture_.add("P 8", 16384, 1000);
	ASSERT_EQ(fixture_.write(snap, 10, 20), 0);
	ASSERT_EQ(snap.mapped.load(TargetType::snapshot, 2000, snap.words), 0);
	ASSERT_EQ(snap.mapped.resume(), 0);
	ASSERT_EQ(fixture_.write(900, 600), 0);
	EXPECT_TRUE((Pattern{1, 1}.matches(1000, snap.mapped.read(1000, 1000))));
	EXPECT_TRUE(fixture_.right(snap));
}

/* A third table over the COW device, after the first one has handed its store over. */
TEST_F(HandoverTest, a_third_owner_reads_the_store_itself)
{
	ASSERT_EQ(fixture_.write(source_, 0, 20), 0);
	ASSERT_EQ(load(), 0);
	source_.mapped.suspend();
	ASSERT_EQ(destination_.resume(), 0);
	EXPECT_TRUE(destination_right());
	destination_.remove();

	Mapped third("third");
	ASSERT_EQ(third.create(TargetType::snapshot, 4096, source_.words), 0);
	EXPECT_NE(third.status(), "Invalid");
	EXPECT_TRUE(SnapshotFixture::right(source_, third));
}

} // namespace
} // namespace dmsnap::test
