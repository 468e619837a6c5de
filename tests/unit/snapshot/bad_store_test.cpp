// SPDX-License-Identifier: GPL-2.0-only
/*
 * Persistent stores that cannot be loaded.  The snapshot is invalid, the origin keeps working, and
 * the store is marked invalid before the snapshot loses data.
 */
#include <functional>

#include "unit/snapshot/snapshot_fixture.hpp"
#include "unit/store/store_rig.hpp"

namespace dmsnap::test {
namespace {

using user::Device;
using user::Mapped;
using user::Op;
using user::TargetType;

constexpr Layout layout{8};
constexpr const char *hint = "its store cannot be used; 'dmsnap check' says";

/* A removed snapshot with some exceptions, whose COW device gets damaged. */
struct BadStore : testing::Test {
	BadStore() : snap(fixture.add("P 8", 4096))
	{
		EXPECT_EQ(fixture.write(0, 64), 0);
		snap.mapped.remove();
	}

	void load(TargetType type = TargetType::snapshot)
	{
		snap.cow.reset_log();
		ASSERT_EQ(snap.mapped.create(type, fixture.sectors, snap.words), 0)
			<< snap.mapped.error_text();
	}
	/* Adds an entry with a chunk behind the end of the COW device. */
	void damage() { put_entry(snap.cow, layout, 3, {3, 512}); }
	bool marked() const
	{
		return snap.cow.durable().read(0, 1) == header_sector(0x70416e53, 0, 1, 8);
	}
	size_t lines(const char *part) const
	{
		size_t count = 0;
		for (const std::string &line : fixture.world.log())
			count += line.find(part) != std::string::npos;
		return count;
	}

	SnapshotFixture fixture;
	SnapshotFixture::Snap &snap;
};

TEST_F(BadStore, is_an_invalid_snapshot_to_which_nothing_was_written)
{
	struct Kind {
		const char *name;
		std::function<void(Device &)> damage;
	};
	const Kind kinds[] = {
		{"magic", [](Device &cow) { cow.poke(0, header_sector(0x12345678, 1, 1, 8)); }},
		{"version", [](Device &cow) { cow.poke(0, header_sector(0x70416e53, 1, 2, 8)); }},
		{"chunk size", [](Device &cow) { cow.poke(0, good_header(3)); }},
		{"chunk size", [](Device &cow) { cow.poke(0, good_header(1u << 22)); }},
		{"COW chunk",
		 [](Device &cow) {
			 put_entry(cow, layout, 3, {3, 512});
		 }},
		{"metadata",
		 [](Device &cow) {
			 put_entry(cow, layout, 3, {3, 258});
		 }},
		{"twice",
		 [](Device &cow) {
			 put_entry(cow, layout, 3, {3, 2});
		 }},
		{"origin chunk",
		 [](Device &cow) {
			 put_entry(cow, layout, 3, {512, 5});
		 }},
		{"origin twice",
		 [](Device &cow) {
			 put_entry(cow, layout, 3, {2, 5});
		 }},
		{"no end", [](Device &cow) { cow.resize(10); }},
		{"nothing left", [](Device &cow) { cow.resize(0); }},
		{"header", [](Device &cow) { cow.fail_nth(Op::read, 1); }},
		{"list", [](Device &cow) { cow.fail_range(Op::read, 8, 8); }},
	};
	const user::Image good = snap.cow.content();
	uint64_t size = snap.cow.sectors();
	for (const Kind &kind : kinds) {
		SCOPED_TRACE(kind.name);
		snap.cow.clear_faults();
		snap.cow.resize(size);
		snap.cow.load(good);
		kind.damage(snap.cow);
		const user::Image damaged = snap.cow.content();
		size_t hints = lines(hint);
		load();
		EXPECT_EQ(lines(hint), hints + 1);
		EXPECT_EQ(snap.mapped.status(), "Invalid");
		EXPECT_EQ(snap.mapped.table(), "252:0 252:1 P 8");
		std::vector<uint8_t> data(4096);
		EXPECT_EQ(snap.mapped.read(0, data), -5);
		EXPECT_EQ(snap.mapped.write(0, data), -5);
		fixture.origin.read(0, data);
		snap.mapped.remove();
		EXPECT_TRUE(snap.cow.content() == damaged);
		EXPECT_EQ(snap.cow.counters().writes + snap.cow.counters().zeroes, 0u);
	}
}

TEST_F(BadStore, tells_the_chunk_size_of_a_new_one_where_no_other_is_known)
{
	snap.cow.poke(0, header_sector(0x12345678, 1, 1, 8));
	snap.words = "disk cow0 P 0";
	load();
	EXPECT_EQ(snap.mapped.table(), "252:0 252:1 P 32");
}

TEST_F(BadStore, is_marked_before_the_first_write_to_the_origin)
{
	damage();
	load();
	snap.cow.hold(Op::write);
	fixture.disk.reset_log();
	auto write = fixture.start_write(2048, 8);
	fixture.world.settle();
	EXPECT_FALSE(write->done);
	EXPECT_EQ(fixture.disk.counters().writes, 0u);
	snap.cow.release();
	EXPECT_EQ(fixture.origin.wait(write), 0);
	EXPECT_TRUE(marked());
	EXPECT_TRUE(snap.mapped.known_invalid());
	/* The list is unchanged, so it can be repaired. */
	EXPECT_EQ(le64_at(snap.cow.peek(8, 1).data() + 3 * entry_bytes + 8), 512u);
	snap.cow.reset_log();
	EXPECT_EQ(fixture.write(0, 4096), 0);
	EXPECT_EQ(snap.cow.log().size(), 0u);

	snap.mapped.remove();
	load();
	EXPECT_EQ(snap.mapped.status(), "Invalid");
	EXPECT_TRUE(fixture.world.log_holds("Snapshot is marked invalid."));
}

/* As after a loose cable.  Unmarked, it would look valid at the next activation. */
TEST_F(BadStore, is_marked_when_it_turns_out_to_be_good_after_all)
{
	snap.cow.fail_nth(Op::read, 1);
	load();
	EXPECT_EQ(fixture.write(2048, 8), 0);
	EXPECT_TRUE(marked());
}

TEST_F(BadStore, that_is_none_is_never_written_to)
{
	snap.cow.poke(0, header_sector(0x12345678, 1, 1, 8));
	load();
	EXPECT_EQ(fixture.write(2048, 8), 0);
	EXPECT_EQ(snap.cow.counters().writes, 0u);
	EXPECT_EQ(lines("cannot mark the snapshot invalid"), 0u);
}

TEST_F(BadStore, that_cannot_be_marked_lets_origin_writes_proceed_and_logs_it)
{
	for (Op op : {Op::read, Op::write}) {
		damage();
		snap.cow.fail_range(op, 0, 8);
		load();
		EXPECT_EQ(fixture.write(2048, 8), 0);
		EXPECT_EQ(lines("cannot mark the snapshot invalid"), op == Op::read ? 1u : 2u);
		EXPECT_FALSE(marked());
		snap.mapped.remove();
		snap.cow.clear_faults();
	}
}

TEST_F(BadStore, can_be_removed_while_it_is_being_marked)
{
	damage();
	load();
	snap.cow.hold(Op::read);
	auto write = fixture.start_write(2048, 8);
	bool removed = false;
	fixture.world.spawn("remove", [&] {
		snap.mapped.remove();
		removed = true;
	});
	fixture.world.settle();
	EXPECT_FALSE(removed);
	snap.cow.release();
	fixture.world.run_until([&] { return removed; });
	EXPECT_EQ(fixture.origin.wait(write), 0);
	EXPECT_TRUE(marked());
}

TEST_F(BadStore, goes_with_a_handover)
{
	damage();
	load();
	ASSERT_EQ(snap.mapped.create(TargetType::snapshot, 4096, snap.words), 0);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
	EXPECT_FALSE(marked());
	EXPECT_EQ(fixture.write(2048, 8), 0);
	EXPECT_TRUE(marked());
}

TEST(BadStoreHandover, is_marked_once_by_its_owner_while_a_write_comes)
{
	for (uint64_t seed = 1; seed <= 100; seed++) {
		SCOPED_TRACE(seed);
		SnapshotFixture fixture(512, {.order = user::Order::random, .seed = seed});
		auto &snap = fixture.add("P 8", 4096);
		EXPECT_EQ(fixture.write(0, 64), 0);
		snap.mapped.remove();
		put_entry(snap.cow, layout, 3, {3, 512});
		ASSERT_EQ(snap.mapped.create(TargetType::snapshot, 512, snap.words), 0);
		snap.cow.reset_log();

		bool handed_over = false;
		fixture.world.spawn("dmsetup", [&] {
			EXPECT_EQ(snap.mapped.create(TargetType::snapshot, 512, snap.words), 0);
			handed_over = true;
		});
		bool written = false;
		fixture.world.spawn("dd", [&] {
			EXPECT_EQ(fixture.write(256, 8), 0);
			written = true;
		});
		fixture.world.run_until([&] { return handed_over && written; });
		EXPECT_EQ(snap.cow.counters().fua_writes, 1u);
		EXPECT_EQ(snap.cow.durable().read(0, 1), header_sector(0x70416e53, 0, 1, 8));
		EXPECT_EQ(snap.mapped.status(), "Invalid");
	}
}

TEST_F(BadStore, does_not_harm_another_snapshot)
{
	auto &good = fixture.add("P 8");
	damage();
	load();
	EXPECT_EQ(fixture.write(0, 256), 0);
	EXPECT_TRUE(fixture.right(good));
	EXPECT_TRUE(marked());
}

/* Otherwise a half-done merge could overwrite later writes. */
TEST_F(BadStore, does_not_merge_and_is_marked_before_a_write)
{
	fixture.origin.remove();
	damage();
	auto before = fixture.disk.peek(0, 4096);
	load(TargetType::merge);
	EXPECT_EQ(snap.mapped.status(), "Invalid");
	EXPECT_TRUE(fixture.world.log_holds("Snapshot is invalid: can't merge"));
	fixture.world.settle();
	EXPECT_EQ(snap.mapped.read(0, 4096), before);
	EXPECT_FALSE(marked());

	auto data = fixture.fresh(0, 8);
	snap.cow.hold(Op::write);
	auto write = snap.mapped.start_write(0, data);
	fixture.world.settle();
	EXPECT_FALSE(write->done);
	EXPECT_EQ(fixture.disk.peek(0, 4096), before);
	snap.cow.release();
	EXPECT_EQ(snap.mapped.wait(write), 0);
	EXPECT_TRUE(marked());
	EXPECT_EQ(fixture.disk.peek(0, 8), data);
}

TEST_F(BadStore, is_refused_when_the_parameter_says_so)
{
	fixture.world.refuse_bad_store = true;
	damage();
	EXPECT_EQ(snap.mapped.load(TargetType::snapshot, 4096, snap.words), -22);
	EXPECT_EQ(snap.mapped.error_text(), "Failed to read snapshot metadata");
	EXPECT_EQ(lines(hint), 1u);
}

/* A new store holds no data, so the table load may fail. */
TEST_F(BadStore, is_no_excuse_for_a_new_one_that_cannot_be_made)
{
	snap.cow.load({});
	snap.cow.fail_nth(Op::write, 1);
	EXPECT_EQ(snap.mapped.load(TargetType::snapshot, 4096, snap.words), -5);
	snap.cow.resize(15);
	EXPECT_EQ(snap.mapped.load(TargetType::snapshot, 4096, snap.words), -5);
	EXPECT_EQ(lines(hint), 0u);
}

} // namespace
} // namespace dmsnap::test
