// SPDX-License-Identifier: GPL-2.0-only
/* Constructors: what they refuse, and what they leave when they fail. */
#include <algorithm>

#include <gtest/gtest.h>

#include "unit/snapshot/snapshot_fixture.hpp"
#include "user/memory.hpp"

namespace dmsnap::test {
namespace {

using user::Mapped;
using user::Memory;
using user::Op;
using user::TargetType;

/*
 * Loads with the n-th allocation failing, for each n until a load needs fewer allocations.  A load
 * may succeed without one.
 */
template <typename Load> void fail_each_allocation(Mapped &mapped, const Load &load)
{
	Memory &memory = Memory::instance();
	/* The list of an origin's snapshots grows once and keeps its size. */
	EXPECT_EQ(load(), 0);
	mapped.remove();
	for (uint64_t n = 0;; n++) {
		ASSERT_LT(n, 10000u);
		size_t before = memory.outstanding();
		memory.fail_construct_at(n);
		int error = load();
		bool failed = memory.construct_requests() > n;
		memory.fail_nothing();
		if (!failed) {
			EXPECT_EQ(error, 0);
			return;
		}
		ASSERT_TRUE(!error || error == -12) << "allocation " << n;
		if (!error)
			mapped.remove();
		ASSERT_EQ(memory.outstanding(), before) << "allocation " << n;
	}
}

TEST(SnapshotCreate, leaves_nothing_when_any_allocation_fails)
{
	for (const char *store : {"P 8", "PO 16", "N 8"}) {
		SnapshotFixture fixture;
		/* Without another target the shared parts are made and destroyed as well. */
		for (bool alone : {true, false}) {
			SCOPED_TRACE(std::string(store) + (alone ? " alone" : ""));
			std::string name = std::string("cow") + (alone ? "a" : "b");
			fixture.world.add_device({.name = name, .sectors = 4096});
			if (alone)
				fixture.origin.remove();
			else
				EXPECT_EQ(fixture.origin.create(TargetType::origin, 4096, "disk"),
					  0);
			Mapped snapshot("snapshot");
			fail_each_allocation(snapshot, [&] {
				int error = snapshot.load(TargetType::snapshot, 4096,
							  "disk " + name + " " + store);
				EXPECT_EQ(error != 0, !snapshot.error_text().empty());
				return error;
			});
			EXPECT_EQ(snapshot.resume(), 0);
			EXPECT_TRUE((Pattern{1, 1}.matches(0, snapshot.read(0, 4096))));
		}
	}
}

TEST(SnapshotCreate, leaves_nothing_when_an_allocation_fails_over_a_full_store)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 1");
	/* A store with holes and several areas. */
	for (uint64_t n = 0; n < 300; n++)
		ASSERT_EQ(fixture.write(n * 7 % 4001, 2), 0);
	snap.mapped.remove();
	fail_each_allocation(snap.mapped, [&] {
		return snap.mapped.load(TargetType::snapshot, 4096, snap.words);
	});
	ASSERT_EQ(snap.mapped.resume(), 0);
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotCreate, leaves_the_source_alone_when_a_reload_fails)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 20), 0);
	Mapped other("other");
	fail_each_allocation(other,
			     [&] { return other.load(TargetType::snapshot, 4096, snap.words); });
	EXPECT_TRUE(fixture.right(snap));
	other.remove();
	EXPECT_TRUE(fixture.right(snap));
}

TEST(SnapshotCreate, leaves_nothing_when_any_io_fails)
{
	for (Op op : {Op::read, Op::write, Op::zero, Op::flush}) {
		SnapshotFixture fixture;
		fixture.world.refuse_bad_store = true;
		auto &cow = fixture.world.add_device({.name = "cow", .sectors = 4096});
		Mapped snapshot("snapshot");
		int error = -1;
		for (uint64_t n = 1; error && n < 10; n++) {
			cow.clear_faults();
			cow.load({});
			cow.fail_nth(op, n);
			error = snapshot.load(TargetType::snapshot, 4096, "disk cow P 8");
			EXPECT_TRUE(!error || error == -5) << error;
		}
		EXPECT_EQ(error, 0);
	}
}

TEST(SnapshotCreate, leaves_nothing_when_an_allocation_fails_over_what_is_no_store)
{
	SnapshotFixture fixture;
	auto &junk = fixture.world.add_device({.name = "junk", .sectors = 4096});
	junk.poke(0, Pattern{9, 9}.make(0, 1));
	Mapped snapshot("snapshot");
	fail_each_allocation(snapshot, [&] {
		return snapshot.load(TargetType::snapshot, 4096, "disk junk P 8");
	});
	ASSERT_EQ(snapshot.resume(), 0);
	EXPECT_EQ(snapshot.status(), "Invalid");
}

TEST(MergeCreate, leaves_nothing_when_any_allocation_fails)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(snap, 0, 64), 0);
	snap.mapped.remove();
	fixture.origin.remove();
	Mapped merging("merging");
	fail_each_allocation(merging,
			     [&] { return merging.load(TargetType::merge, 4096, snap.words); });
	ASSERT_EQ(merging.resume(), 0);
	fixture.world.settle();
	EXPECT_EQ(merging.status(), "16/16384 16");
	EXPECT_TRUE(SnapshotFixture::right(snap, merging));
}

TEST(CoreInit, fails_and_leaves_nothing_when_any_allocation_fails)
{
	user::World world;
	Memory &memory = Memory::instance();
	const size_t before = memory.outstanding();
	int error = -12;
	uint64_t n = 0;
	for (; error; n++) {
		ASSERT_LT(n, 100u);
		memory.fail_construct_at(n);
		error = dmsnap_core_init();
		memory.fail_nothing();
		ASSERT_TRUE(!error || error == -12);
		if (error) {
			ASSERT_EQ(memory.outstanding(), before) << "allocation " << n;
		}
	}
	EXPECT_GT(n, 1u);
	dmsnap_core_exit();
	EXPECT_EQ(memory.outstanding(), before);
}

TEST(OriginCreate, leaves_nothing_when_any_allocation_fails)
{
	SnapshotFixture fixture;
	fixture.origin.remove();
	fail_each_allocation(fixture.origin,
			     [&] { return fixture.origin.load(TargetType::origin, 4096, "disk"); });
	EXPECT_EQ(fixture.origin.resume(), 0);
	EXPECT_EQ(fixture.write(0, 8), 0);
}

TEST(SnapshotCreate, says_why_it_refuses)
{
	struct {
		const char *words;
		int error;
		const char *text;
	} cases[] = {
		{"disk cow P", -22, "requires 4 or more arguments"},
		{"nothing cow P 8", -19, "Cannot get origin device"},
		{"disk nothing P 8", -19, "Cannot get COW device"},
		{"disk disk P 8", -22, "COW device cannot be the same as origin device"},
		{"disk 252:0 P 8", -22, "COW device cannot be the same as origin device"},
		{"disk cow X 8", -22, "Couldn't create exception store"},
		{"disk cow PX 8", -22, "Couldn't create exception store"},
		{"disk cow P 7", -22, "Couldn't create exception store"},
		{"disk cow P x", -22, "Couldn't create exception store"},
		{"disk cow P 4194304", -22, "Couldn't create exception store"},
		{"disk cow N 0", -22, "Chunk size not set"},
		{"disk cow P 8 1", -22, "Invalid number of feature arguments"},
		{"disk cow P 8 1 x", -22, "Unrecognised feature requested"},
		{"disk junk P 8", -6, "Failed to read snapshot metadata"},
	};
	for (const auto &one : cases) {
		SCOPED_TRACE(one.words);
		SnapshotFixture fixture;
		fixture.world.refuse_bad_store = true;
		fixture.world.add_device({.name = "cow", .sectors = 4096});
		auto &junk = fixture.world.add_device({.name = "junk", .sectors = 4096});
		junk.poke(0, Pattern{9, 9}.make(0, 1));
		Mapped snapshot("snapshot");
		EXPECT_EQ(snapshot.load(TargetType::snapshot, 4096, one.words), one.error);
		EXPECT_EQ(snapshot.error_text(), one.text);
	}
}

TEST(OriginCreate, says_why_it_refuses)
{
	SnapshotFixture fixture;
	Mapped origin("origin");
	EXPECT_EQ(origin.load(TargetType::origin, 4096, ""), -22);
	EXPECT_EQ(origin.error_text(), "origin: incorrect number of arguments");
	EXPECT_EQ(origin.load(TargetType::origin, 4096, "disk disk"), -22);
	EXPECT_EQ(origin.load(TargetType::origin, 4096, "nothing"), -19);
	EXPECT_EQ(origin.error_text(), "Cannot get target device");
}

/* dm asks for the devices in iterate_devices, to compute the limits. */
TEST(SnapshotCreate, tells_dm_its_devices)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	dmsnap_snapshot *snapshot = snap.mapped.snapshot();
	EXPECT_EQ(dmsnap_port_device_id(dmsnap_core_snapshot_cow_device(snapshot)), snap.cow.id());
	EXPECT_EQ(dmsnap_port_device_id(dmsnap_core_snapshot_origin_device(snapshot)),
		  fixture.disk.id());
	EXPECT_EQ(dmsnap_port_device_id(dmsnap_core_origin_device(fixture.origin.origin())),
		  fixture.disk.id());
}

TEST(SnapshotCreate, a_store_that_is_marked_invalid_loads_and_says_so)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8", 32);
	EXPECT_EQ(fixture.write(0, 4096), 0);
	snap.mapped.remove();
	ASSERT_EQ(snap.mapped.create(TargetType::snapshot, 4096, snap.words), 0);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
	EXPECT_TRUE(fixture.world.log_holds("Snapshot is marked invalid."));
	std::vector<uint8_t> data(4096);
	EXPECT_EQ(snap.mapped.read(0, data), -5);
	EXPECT_EQ(snap.mapped.write(0, data), -5);
	EXPECT_EQ(snap.mapped.flush(), -5);
	EXPECT_EQ(fixture.write(0, 8), 0);
}

TEST(SnapshotCreate, an_inactive_snapshot_costs_the_origin_nothing)
{
	SnapshotFixture fixture;
	fixture.world.add_device({.name = "cow", .sectors = 4096});
	Mapped snapshot("snapshot");
	ASSERT_EQ(snapshot.load(TargetType::snapshot, 4096, "disk cow P 8"), 0);
	EXPECT_EQ(fixture.write(0, 8), 0);
	EXPECT_EQ(fixture.disk.counters().reads, 0u);
}

TEST(SnapshotCreate, over_a_write_protected_cow_device_only_a_read_only_table_loads)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	ASSERT_EQ(fixture.write(0, 64), 0);
	snap.mapped.remove();
	fixture.world.add_device({.name = "locked", .sectors = 16384, .write_protected = true})
		.load(snap.cow.content());

	Mapped snapshot("snapshot");
	const char *words = "disk locked P 8";
	EXPECT_EQ(snapshot.load(TargetType::snapshot, 4096, words), -30);
	EXPECT_EQ(snapshot.error_text(), "COW device is write-protected");
	EXPECT_EQ(snapshot.load(TargetType::merge, 4096, words), -30);
	ASSERT_EQ(snapshot.load(TargetType::snapshot, 4096, words, true), 0);
	ASSERT_EQ(snapshot.resume(), 0);
	EXPECT_TRUE(SnapshotFixture::right(snap, snapshot));
}

TEST(SnapshotCreate, says_so_once_when_the_cow_device_has_larger_blocks_than_the_origin)
{
	constexpr const char *line = "has logical blocks of 4096 bytes";
	SnapshotFixture fixture;
	fixture.world.add_device({.name = "large", .sectors = 4096, .block_sectors = 8});
	fixture.world.add_device({.name = "small", .sectors = 4096});
	Mapped snapshot("snapshot");
	ASSERT_EQ(snapshot.create(TargetType::snapshot, 4096, "disk small P 8"), 0);
	EXPECT_FALSE(fixture.world.log_holds(line));
	Mapped other("other");
	ASSERT_EQ(other.create(TargetType::snapshot, 4096, "disk large P 8"), 0);
	/* The same store again. */
	ASSERT_EQ(other.create(TargetType::snapshot, 4096, "disk large P 8"), 0);
	auto &log = fixture.world.log();
	EXPECT_EQ(std::count_if(log.begin(), log.end(),
				[](const std::string &of_log) {
					return of_log.find(line) != std::string::npos;
				}),
		  1);
}

TEST(SnapshotCreate, refuses_a_store_on_blocks_of_more_than_4_kib)
{
	SnapshotFixture fixture;
	fixture.world.add_device({.name = "cow", .sectors = 4096, .block_sectors = 32});
	Mapped snapshot("snapshot");
	EXPECT_EQ(snapshot.load(TargetType::snapshot, 4096, "disk cow P 64"), -22);
	EXPECT_EQ(snapshot.error_text(), "COW device has logical blocks of more than 4 KiB");
	/* A transient store writes only data, in chunks. */
	ASSERT_EQ(snapshot.create(TargetType::snapshot, 4096, "disk cow N 64"), 0);
	ASSERT_EQ(fixture.write(0, 8), 0);
	EXPECT_TRUE((Pattern{1, 1}.matches(0, snapshot.read(0, 4096))));
}

/* Loads a table in a process that can be killed. */
struct Loader {
	Loader(SnapshotFixture &in, SnapshotFixture::Snap &snap) : fixture(in)
	{
		fixture.world.spawn("dmsetup", [this, &snap] {
			error = snap.mapped.load(TargetType::snapshot, fixture.sectors, snap.words);
			ended = true;
		});
	}
	void kill()
	{
		fixture.world.settle();
		EXPECT_FALSE(ended);
		fixture.world.kill("dmsetup");
		fixture.world.settle();
	}

	SnapshotFixture &fixture;
	bool ended = false;
	int error = 0;
};

/* As over a suspended device: no I/O ends until it is resumed. */
TEST(SnapshotCreate, can_be_killed_while_the_cow_device_does_not_answer)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 1", 16384);
	/* Several areas, some of which are read ahead. */
	ASSERT_EQ(fixture.write(0, 100), 0);
	for (uint64_t n = 200; n < 1200; n += 2)
		ASSERT_EQ(fixture.write(n, 1), 0);
	snap.mapped.remove();
	size_t opens = snap.cow.opens();

	/* Whichever read hangs. */
	for (uint64_t reads = 0; reads < 6; reads++) {
		SCOPED_TRACE(reads);
		snap.cow.reset_log();
		Loader loader(fixture, snap);
		fixture.world.run_until([&] { return snap.cow.counters().reads >= reads; });
		snap.cow.hold(Op::read);
		loader.kill();
		EXPECT_TRUE(loader.ended);
		EXPECT_EQ(loader.error, -4);
		EXPECT_EQ(snap.mapped.error_text(), "Failed to read snapshot metadata");
		EXPECT_TRUE(fixture.world.log_holds("is not loaded: killed"));
		/* The device may not go away during the read. */
		EXPECT_EQ(snap.cow.opens(), opens + 1);
		snap.cow.release();
		fixture.world.settle();
		EXPECT_EQ(snap.cow.opens(), opens);
	}
	ASSERT_EQ(snap.mapped.create(TargetType::snapshot, 4096, snap.words), 0);
	EXPECT_TRUE(fixture.right(snap));
}

/* Such a write could reach the disk after the device has another user. */
TEST(SnapshotCreate, is_not_killed_while_it_writes_a_new_store)
{
	SnapshotFixture fixture;
	auto &snap = fixture.add("P 8");
	snap.mapped.remove();
	snap.cow.load({});
	snap.cow.hold(Op::write);
	Loader loader(fixture, snap);
	loader.kill();
	EXPECT_FALSE(loader.ended);
	snap.cow.release();
	fixture.world.settle();
	EXPECT_TRUE(loader.ended);
	EXPECT_EQ(loader.error, 0);
}

} // namespace
} // namespace dmsnap::test
