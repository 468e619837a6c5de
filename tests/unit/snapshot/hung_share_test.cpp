// SPDX-License-Identifier: GPL-2.0-only
/* More first touches of the origin than the share of a snapshot whose COW device hangs. */
#include <vector>

#include <gtest/gtest.h>

#include "unit/snapshot/snapshot_fixture.hpp"

namespace dmsnap::test {
namespace {

using user::Mapped;
using user::TargetType;

constexpr uint64_t s = 1'000'000'000;
constexpr uint64_t at_once = 2048;

class HungShare : public testing::Test {
protected:
	/* Each writes 1 MiB to the origin. */
	void start_writes(uint64_t count)
	{
		hung_.cow.hold_all();
		for (uint64_t n = 0; n < count; n++)
			writes_.push_back(fixture_.start_write(n * at_once, at_once));
		fixture_.world.run_for(3 * s);
	}
	void release()
	{
		hung_.cow.release();
		for (auto &write : writes_)
			EXPECT_EQ(fixture_.origin.wait(write), 0);
		fixture_.world.run_for(s);
	}

	SnapshotFixture fixture_{65536};
	SnapshotFixture::Snap &other_ = fixture_.add("P 8", 131072);
	SnapshotFixture::Snap &hung_ = fixture_.add("P 8", 131072);
	SnapshotFixture::Snap &last_ = fixture_.add("P 8", 131072);
	std::vector<Mapped::Handle> writes_;
};

TEST_F(HungShare, is_not_awaited_by_a_write_to_another_snapshot)
{
	start_writes(8);
	auto own = other_.mapped.start_write(7 * at_once, fixture_.fresh(7 * at_once, 8));
	fixture_.world.run_for(100 * s);
	EXPECT_TRUE(own->done);
	release();
	EXPECT_EQ(other_.mapped.wait(own), 0);
	EXPECT_TRUE(fixture_.right(hung_));
}

TEST_F(HungShare, is_not_awaited_by_the_removal_of_other_snapshots)
{
	start_writes(8);
	bool removed = false;
	fixture_.world.spawn("removal", [&] {
		other_.mapped.remove();
		last_.mapped.remove();
		removed = true;
	});
	fixture_.world.run_for(100 * s);
	EXPECT_TRUE(removed);
	release();
	EXPECT_TRUE(fixture_.right(hung_));
}

TEST_F(HungShare, is_not_awaited_by_a_refresh_of_another_snapshot)
{
	start_writes(8);
	bool resumed = false;
	fixture_.world.spawn("refresh", [&] {
		EXPECT_EQ(other_.mapped.load(TargetType::snapshot, 65536, other_.words), 0);
		other_.mapped.suspend();
		EXPECT_EQ(other_.mapped.resume(), 0);
		resumed = true;
	});
	fixture_.world.run_for(100 * s);
	EXPECT_TRUE(resumed);
	release();
	EXPECT_TRUE(fixture_.right(hung_));
	EXPECT_TRUE(fixture_.right(other_));
}

TEST_F(HungShare, is_not_awaited_once_its_snapshot_is_removed)
{
	start_writes(16);
	bool removed = false;
	fixture_.world.spawn("removal", [&] {
		hung_.mapped.remove();
		removed = true;
	});
	fixture_.world.run_for(3 * s);
	EXPECT_FALSE(removed);
	fixture_.world.kill("removal");
	fixture_.world.run_for(100 * s);
	EXPECT_TRUE(removed);
	for (size_t n = 0; n < writes_.size(); n++)
		EXPECT_TRUE(writes_[n]->done) << "write " << n;
	release();
	EXPECT_TRUE(fixture_.right(other_));
}

/* A transient snapshot that is full is invalid at once. */
TEST(HungShareOfInvalid, is_not_awaited)
{
	SnapshotFixture fixture(65536);
	auto &hung = fixture.add("N 8", 12000);
	auto &other = fixture.add("P 8", 131072);
	hung.cow.hold_all();
	std::vector<Mapped::Handle> writes;
	for (uint64_t n = 0; n < 16; n++)
		writes.push_back(fixture.start_write(n * at_once, at_once));
	fixture.world.run_for(100 * s);
	EXPECT_EQ(hung.mapped.status(), "Invalid");
	for (auto &write : writes)
		EXPECT_TRUE(write->done);
	hung.cow.release();
	fixture.world.run_for(s);
	EXPECT_TRUE(fixture.right(other));
}

} // namespace
} // namespace dmsnap::test
