// SPDX-License-Identifier: GPL-2.0-only
/* Failed reads and writes of the copier, and which targets learn of them. */
#include <algorithm>
#include <deque>
#include <vector>

#include <gtest/gtest.h>

#include "support/seed.hpp"
#include "unit/copier/copier_rig.hpp"
#include "user/memory.hpp"
#include "user/random.hpp"

namespace dmsnap::test {
namespace {

using user::Device;
using user::Memory;
using user::Op;
using user::Random;

TEST(Copier, reports_a_failed_read_to_the_destinations_of_that_window)
{
	CopierRig rig(4);
	rig.disk(0).fail_range(Op::read, 600, 1);
	Copy copy({{1, 0, 0, 2048}, {2, 0, 0, 512}, {3, 0, 600, 1}, {3, 4000, 1024, 1024}});
	rig.copy(copy, 0, 2048);
	EXPECT_EQ(copy.places[0].error_told, -5);
	EXPECT_EQ(copy.places[1].error_told, 0);
	EXPECT_EQ(copy.places[2].error_told, -5);
	EXPECT_EQ(copy.places[3].error_told, 0);
	/* Unreadable sectors are not written. */
	EXPECT_TRUE(rig.is_blank(3, 0, 1));
	EXPECT_TRUE(rig.is_blank(1, 512, 512));
	EXPECT_TRUE(rig.disk(2).peek(0, 512) == CopierRig::content(0, 512));
	EXPECT_TRUE(rig.disk(3).peek(4000, 1024) == CopierRig::content(1024, 1024));
}

TEST(Copier, reports_an_unreadable_sector_only_to_its_destinations)
{
	/* Parts that share pages; two are adjacent in one page. */
	CopierRig rig(4);
	rig.disk(0).fail_range(Op::read, 205, 1);
	Copy copy({{1, 0, 0, 512},
		   {2, 0, 0, 205},
		   {2, 1000, 205, 1},
		   {3, 0, 206, 306},
		   {3, 2000, 100, 50},
		   {3, 4000, 200, 100}});
	rig.copy(copy, 0, 512);
	for (size_t bad : {0, 2, 5})
		EXPECT_EQ(copy.places[bad].error_told, -5) << bad;
	for (size_t bad : {0, 2, 5})
		EXPECT_TRUE(copy.places[bad].read_failed) << bad;
	for (size_t good : {1, 3, 4}) {
		const Piece &piece = copy.pieces[good];
		EXPECT_EQ(copy.places[good].error_told, 0) << good;
		EXPECT_FALSE(copy.places[good].read_failed) << good;
		EXPECT_TRUE(rig.disk(piece.disk).peek(piece.sector, piece.sectors) ==
			    CopierRig::content(piece.offset, piece.sectors))
			<< good;
	}
	/* Unreadable sectors are not written. */
	EXPECT_TRUE(rig.is_blank(1, 0, 512));
	EXPECT_TRUE(rig.is_blank(2, 1000, 1));
	EXPECT_TRUE(rig.is_blank(3, 4000, 100));
	/* One read for all, and one for each destination that needs less. */
	EXPECT_EQ(rig.disk(0).counters().reads, 6u);
}

TEST(Copier, ends_no_window_whose_parts_are_still_being_written)
{
	/* A part that is wanted twice is read once; both writes start together. */
	CopierRig rig(4);
	rig.disk(0).fail_range(Op::read, 0, 1);
	rig.disk(2).hold(Op::write);
	rig.disk(3).hold(Op::write);
	Copy copy({{1, 0, 0, 512}, {2, 0, 100, 50}, {3, 0, 100, 50}, {1, 600, 150, 1}});
	static uint64_t reads_at_all_read;
	static Device *source;
	reads_at_all_read = 0;
	source = &rig.disk(0);
	copy.all_read = [](CopyJob &) { reads_at_all_read += source->counters().reads; };
	rig.start(copy, 0, 512);
	rig.world.settle();
	/* All of it, and two parts. */
	EXPECT_EQ(rig.disk(0).counters().reads, 3u);
	EXPECT_EQ(rig.disk(3).held(), 1u);
	EXPECT_EQ(copy.places[3].calls, 1);
	rig.disk(2).release();
	rig.world.settle();
	EXPECT_EQ(copy.places[1].calls, 1);
	EXPECT_EQ(copy.done_calls, 0);
	rig.disk(3).release();
	rig.finish(copy);
	/* The source was in use until then. */
	EXPECT_EQ(reads_at_all_read, 3u);
	EXPECT_EQ(copy.places[2].error_told, 0);
	EXPECT_TRUE(rig.disk(3).peek(0, 50) == CopierRig::content(100, 50));
}

/* A part that is read again must not wait for the writes of the others. */
TEST(Copier, writes_around_an_unreadable_sector_while_other_destinations_hang)
{
	CopierRig rig(6);
	rig.disk(0).fail_range(Op::read, 400, 1);
	for (size_t disk : {1, 3})
		rig.disk(disk).hold(Op::write);
	Copy copy(
		{{1, 0, 0, 100}, {2, 0, 0, 200}, {3, 0, 5, 300}, {4, 0, 0, 512}, {5, 0, 401, 111}});
	rig.start(copy, 0, 512);
	rig.world.run_for(100 * ns_per_ms);
	for (size_t i = 0; i < copy.places.size(); i++)
		EXPECT_EQ(copy.places[i].calls, i == 0 || i == 2 ? 0 : 1) << i;
	EXPECT_EQ(copy.done_calls, 0);
	for (size_t disk : {1, 3})
		rig.disk(disk).release();
	rig.finish(copy);
	for (size_t i = 0; i < copy.places.size(); i++)
		EXPECT_EQ(copy.places[i].error_told, i == 3 ? -5 : 0) << i;
	for (size_t good : {0, 1, 2, 4}) {
		const Piece &piece = copy.pieces[good];
		EXPECT_TRUE(rig.disk(piece.disk).peek(piece.sector, piece.sectors) ==
			    CopierRig::content(piece.offset, piece.sectors))
			<< good;
	}
}

TEST(Copier, reads_nothing_again_for_a_destination_of_everything)
{
	CopierRig rig(2);
	rig.disk(0).fail_range(Op::read, 700, 1);
	Copy copy({{1, 0, 0, 1024}});
	rig.copy(copy, 0, 1024);
	EXPECT_EQ(copy.places[0].error_told, -5);
	EXPECT_EQ(rig.disk(0).counters().reads, 2u);
}

TEST(Copier, reports_an_unreadable_sector_only_to_its_destinations_when_memory_is_short)
{
	CopierRig rig(3);
	Memory::instance().fail_nowait_from(0);
	rig.disk(0).fail_range(Op::read, 7, 1);
	std::vector<Piece> pieces;
	for (uint64_t i = 0; i < 32; i++)
		pieces.push_back({1, i * 64, i, 32 - i});
	Copy copy(pieces);
	Copy other(std::vector<Piece>{{2, 20000, 0, 600}});
	rig.start(copy, 0, 32);
	rig.start(other, 2000, 600);
	rig.finish(copy);
	rig.finish(other);
	Memory::instance().fail_nothing();
	rig.check(other);
	for (uint64_t i = 0; i < 32; i++)
		EXPECT_EQ(copy.places[i].error_told, i <= 7 ? -5 : 0) << i;
}

/* More parts than windows in reserve. */
TEST(Copier, reads_the_other_parts_again_when_memory_returns_while_destinations_hang)
{
	CopierRig rig(8);
	Memory::instance().fail_nowait_from(0);
	rig.disk(0).fail_range(Op::read, 400, 1);
	std::vector<Piece> pieces;
	for (size_t disk = 1; disk < 8; disk++) {
		pieces.push_back({disk, 0, disk, 8});
		if (disk < 6)
			rig.disk(disk).hold(Op::write);
	}
	Copy copy(pieces);
	static bool all_read;
	all_read = false;
	copy.all_read = [](CopyJob &) { all_read = true; };
	rig.start(copy, 0, 512);
	rig.world.run_for(500 * ns_per_ms);
	EXPECT_EQ(copy.places[6].calls, 0);
	EXPECT_FALSE(all_read);
	Memory::instance().fail_nothing();
	rig.world.run_for(500 * ns_per_ms);
	EXPECT_EQ(copy.places[5].calls, 1);
	EXPECT_EQ(copy.places[6].calls, 1);
	EXPECT_TRUE(all_read);
	EXPECT_EQ(copy.done_calls, 0);
	for (size_t disk = 1; disk < 6; disk++)
		rig.disk(disk).release();
	rig.finish(copy);
	rig.check(copy);
}

/* Two parts, of one destination that hangs and has all it may have, and of one that answers. */
TEST(Copier, reads_a_part_again_although_the_share_of_another_is_full)
{
	CopierRig rig(4, 1 << 16);
	CopyShare shares[3];
	std::deque<Copy> copies;
	auto start = [&](std::vector<Piece> pieces, uint64_t sector, uint64_t sectors) -> Copy & {
		Copy &copy = copies.emplace_back(pieces);
		for (size_t i = 0; i < pieces.size(); i++)
			copy.places[i].share = &shares[pieces[i].disk - 1];
		rig.start(copy, sector, sectors);
		return copy;
	};
	rig.disk(0).fail_range(Op::read, 400, 1);
	rig.disk(0).hold(Op::read);
	Copy &both = start({{1, 0, 0, 300}, {2, 0, 0, 200}}, 0, 512);
	rig.world.settle();
	/* The second one to hang leaves too little for more of the first. */
	for (size_t disk : {1, 3}) {
		rig.disk(disk).hold(Op::write);
		for (uint64_t n = 1; n < 32; n++)
			start({{disk, n * 512, 0, 512}}, n * 512, 512);
	}
	rig.disk(0).release();
	rig.world.settle();
	EXPECT_EQ(both.places[0].calls, 0);
	EXPECT_EQ(both.places[1].calls, 1);
	EXPECT_LT(shares[0].pages, PageReserve::pages_max / 2) << "it waits for its share";
	rig.disk(1).release();
	rig.finish(both);
	rig.disk(3).release();
	for (Copy &copy : copies) {
		EXPECT_TRUE(rig.world.run_until([&] { return copy.done_calls > 0; }));
		rig.check(copy);
	}
	for (const CopyShare &share : shares)
		EXPECT_EQ(share.pages, 0u);
}

TEST(Copier, tells_of_a_failed_write_its_target_only)
{
	CopierRig rig(4);
	rig.disk(2).fail_nth(Op::write, 2, -28);
	rig.disk(2).fail_nth(Op::write, 3, -5);
	Copy copy({{1, 0, 0, 2048}, {2, 0, 0, 2048}, {3, 0, 0, 2048}});
	rig.copy(copy, 0, 2048);
	EXPECT_EQ(copy.places[0].error_told, 0);
	/* The first error. */
	EXPECT_EQ(copy.places[1].error_told, -28);
	EXPECT_EQ(copy.places[2].error_told, 0);
	EXPECT_TRUE(rig.disk(1).peek(0, 2048) == CopierRig::content(0, 2048));
	EXPECT_TRUE(rig.disk(3).peek(0, 2048) == CopierRig::content(0, 2048));
}

TEST(Copier, continues_with_the_next_job_after_a_failed_one)
{
	CopierRig rig(2);
	rig.disk(0).fail_nth(Op::read, 1);
	Copy bad({{1, 0, 0, 100}});
	rig.copy(bad, 0, 100);
	EXPECT_EQ(bad.places[0].error_told, -5);
	Copy good({{1, 200, 0, 100}});
	rig.copy(good, 0, 100);
	rig.check(good);
}

/* Some windows have unreadable sectors; memory may be short. */
void copy_around_bad_sectors(uint64_t seed)
{
	Random random(seed);
	CopierRig rig(4, 1 << 13, {.order = user::Order::random, .seed = seed});
	if (random.one_in(2))
		Memory::instance().fail_nowait_randomly(seed, 1 + random.below(8));
	std::vector<uint64_t> bad;
	for (uint64_t n = 1 + random.below(4); n; n--) {
		bad.push_back(random.below(2000));
		rig.disk(0).fail_range(Op::read, bad.back(), 1);
	}
	std::deque<Copy> copies;
	uint64_t next = 0;
	for (uint64_t i = 0; i < 4; i++) {
		uint64_t sectors = 1 + random.below(800);
		std::vector<Piece> pieces;
		for (size_t n = 1; n < 4; n++) {
			uint64_t offset = n == 1 ? 0 : random.below(sectors);
			uint64_t length = n == 1 ? sectors : 1 + random.below(sectors - offset);
			if (n > 1 && random.one_in(3))
				pieces.push_back(
					{n, next, pieces.back().offset, pieces.back().sectors});
			else
				pieces.push_back({n, next, offset, length});
		}
		next += sectors;
		copies.emplace_back(pieces);
		rig.start(copies.back(), random.below(2000), sectors);
	}
	for (Copy &copy : copies) {
		rig.finish(copy);
		for (size_t i = 0; i < copy.pieces.size(); i++) {
			const Piece &piece = copy.pieces[i];
			uint64_t begin = copy.sector + piece.offset;
			bool hit = std::any_of(bad.begin(), bad.end(), [&](uint64_t sector) {
				return begin <= sector && sector < begin + piece.sectors;
			});
			EXPECT_EQ(copy.places[i].error_told, hit ? -5 : 0);
			EXPECT_TRUE(hit || rig.disk(piece.disk).peek(piece.sector, piece.sectors) ==
						   CopierRig::content(begin, piece.sectors));
		}
	}
	Memory::instance().fail_nothing();
}

TEST(Copier, fails_only_destinations_of_a_bad_sector_in_any_order_of_completions)
{
	for_seeds(120, copy_around_bad_sectors);
}

} // namespace
} // namespace dmsnap::test
