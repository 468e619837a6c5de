// SPDX-License-Identifier: GPL-2.0-only
/* Snapshots on damaged or forged stores: the table load is refused. */
#include <functional>

#include "support/complaints.hpp"
#include "unit/store/hostile_store.hpp"
#include "user/mapped.hpp"

namespace dmsnap::test {
namespace {

using user::Device;
using user::Op;

/* The snapshot checks the origin chunks. */
struct Snapshots {
	Snapshots()
	    : origin(world.add_device({.name = "disk", .sectors = 1024})),
	      cow(world.add_device({.name = "cow", .sectors = chunks * chunk}))
	{
		world.refuse_bad_store = true;
	}

	int load() { return snapshot.load(user::TargetType::snapshot, 1024, "disk cow P 8"); }

	user::World world;
	user::Core core;
	Device &origin;
	Device &cow;
	user::Mapped snapshot{"snapshot"};
};

TEST(HostileStore, with_a_chunk_after_the_origin_makes_no_snapshot)
{
	Snapshots test;
	fourth({128, 30})(test.cow);
	EXPECT_EQ(test.load(), -22);
	EXPECT_EQ(test.snapshot.error_text(), "Failed to read snapshot metadata");
	EXPECT_EQ(complaints(test.world),
		  std::vector<std::string>{
			  "error: snapshot store refused: origin chunk outside the "
			  "origin (area 0, entry 3: origin chunk 128 in COW chunk "
			  "30)"});
}

TEST(HostileStore, with_an_origin_chunk_of_the_largest_number_makes_no_snapshot)
{
	for (uint64_t old_chunk :
	     {uint64_t{UINT64_MAX}, uint64_t{1} << 63, uint64_t{0xff} << 56 | 3}) {
		Snapshots test;
		fourth({old_chunk, 30})(test.cow);
		EXPECT_EQ(test.load(), -22);
		EXPECT_EQ(complaints(test.world).size(), 1u);
		EXPECT_TRUE(test.world.log_holds("origin chunk outside the origin"));
	}
}

TEST(HostileStore, with_one_origin_chunk_twice_makes_no_snapshot)
{
	Snapshots test;
	fourth({1, 30})(test.cow);
	EXPECT_EQ(test.load(), -22);
	EXPECT_EQ(complaints(test.world),
		  std::vector<std::string>{"error: snapshot store refused: origin chunk recorded "
					   "twice (origin chunk 1 in COW chunk 30)"});
}

TEST(HostileStore, with_the_last_chunk_of_the_origin_makes_a_snapshot)
{
	Snapshots test;
	fourth({127, 30})(test.cow);
	EXPECT_EQ(test.load(), 0) << test.snapshot.error_text();
	EXPECT_TRUE(complaints(test.world).empty());
	ASSERT_EQ(test.snapshot.resume(), 0);
	test.cow.poke(30 * chunk, garbage(8));
	EXPECT_EQ(test.snapshot.read(127 * 8, 8), garbage(8));
}

TEST(HostileStore, reports_every_kind_of_refusal_to_the_table_load)
{
	struct Kind {
		std::function<void(Device &)> damage;
		int error;
	};
	const Kind kinds[] = {
		{header(0x12345678, 1, chunk), -6},
		{header(snap_magic, 2, chunk), -22},
		{header(snap_magic, 1, 3), -22},
		{put_endless, -22},
		{[](Device &device) { device.fail_nth(Op::read, 1); }, -5},
		{[](Device &device) { device.fail_nth(Op::write, 1); }, -5},
	};
	for (const Kind &kind : kinds) {
		Snapshots test;
		kind.damage(test.cow);
		EXPECT_EQ(test.load(), kind.error);
		EXPECT_EQ(test.snapshot.error_text(), "Failed to read snapshot metadata");
		EXPECT_EQ(complaints(test.world).size(), 1u);
	}
}

} // namespace
} // namespace dmsnap::test
