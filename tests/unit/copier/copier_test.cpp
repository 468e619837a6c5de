// SPDX-License-Identifier: GPL-2.0-only
#include "copier/copier.hpp"

#include <deque>
#include <vector>

#include <gtest/gtest.h>

#include "support/seed.hpp"
#include "unit/copier/copier_rig.hpp"
#include "user/memory.hpp"
#include "user/random.hpp"

namespace dmsnap::test {
namespace {

using user::IoRecord;
using user::Memory;
using user::Op;
using user::Random;

TEST(Copier, reads_once_for_all_targets)
{
	CopierRig rig(4);
	Copy copy({{1, 100, 0, 128}, {2, 8, 0, 128}, {3, 0, 0, 128}});
	rig.copy(copy, 1000, 128);
	rig.check(copy);
	EXPECT_EQ(rig.disk(0).counters().reads, 1u);
	EXPECT_EQ(rig.disk(0).counters().read_sectors, 128u);
	for (size_t n : {1, 2, 3}) {
		EXPECT_EQ(rig.disk(n).counters().writes, 1u);
		EXPECT_EQ(rig.disk(n).counters().written_sectors, 128u);
		EXPECT_EQ(rig.disk(n).counters().flushes, 0u);
	}
}

TEST(Copier, writes_to_all_targets_at_once)
{
	CopierRig rig(4);
	for (size_t n : {1, 2, 3})
		rig.disk(n).hold(Op::write);
	Copy copy({{1, 0, 0, 64}, {2, 0, 0, 64}, {3, 0, 0, 64}});
	rig.start(copy, 0, 64);
	rig.world.settle();
	for (size_t n : {1, 2, 3})
		EXPECT_EQ(rig.disk(n).held(), 1u);
	EXPECT_EQ(copy.done_calls, 0);
	/* A slow target does not delay the done() of the others. */
	rig.disk(2).release();
	rig.world.settle();
	EXPECT_EQ(copy.places[1].calls, 1);
	EXPECT_EQ(copy.places[0].calls, 0);
	rig.disk(1).release();
	rig.disk(3).release();
	rig.finish(copy);
	rig.check(copy);
}

TEST(Copier, gives_each_target_the_part_that_it_wants)
{
	/* Aligned to neither pages nor windows; two parts go to one disk. */
	CopierRig rig(4);
	Copy copy({{1, 5000, 3, 700}, {2, 77, 513, 1}, {3, 0, 0, 512}, {3, 9000, 512, 511}});
	rig.copy(copy, 12345, 1023);
	rig.check(copy);
	EXPECT_TRUE(rig.is_blank(1, 4990, 10));
	EXPECT_TRUE(rig.is_blank(1, 5700, 10));
	EXPECT_TRUE(rig.is_blank(2, 70, 7));
	EXPECT_TRUE(rig.is_blank(2, 78, 10));
	EXPECT_TRUE(rig.is_blank(3, 512, 100));
	EXPECT_TRUE(rig.is_blank(3, 9511, 100));
	EXPECT_EQ(rig.disk(0).counters().read_sectors, 1023u);
	EXPECT_EQ(rig.disk(2).counters().writes, 1u);
}

TEST(Copier, goes_through_a_long_job_in_windows_with_many_in_flight)
{
	CopierRig rig(2);
	rig.disk(0).hold(Op::read);
	Copy copy({{1, 7, 0, 40000}});
	size_t before = Memory::instance().bytes();
	rig.start(copy, 11, 40000);
	rig.world.settle();
	/* 19.5 MiB are requested; 8 MiB in pieces of 256 KiB may be in flight. */
	EXPECT_GE(rig.disk(0).held(), 32u);
	EXPECT_LE(rig.disk(0).held(), 33u);
	EXPECT_LE(Memory::instance().bytes() - before,
		  (PageReserve::pages_max + 65) * DMSNAP_PAGE_SIZE);
	rig.disk(0).release();
	rig.finish(copy);
	rig.check(copy);
	uint64_t at = 11;
	for (const IoRecord &io : rig.disk(0).log()) {
		EXPECT_EQ(io.sector, at);
		EXPECT_LE(io.sectors, 512u);
		at += io.sectors;
	}
	EXPECT_EQ(at, 40011u);
}

TEST(Copier, takes_a_job_from_the_end_of_another)
{
	CopierRig rig(2);
	Copy first({{1, 0, 0, 100}});
	Copy second({{1, 500, 0, 3000}});
	first.on_done = [&] {
		/* This runs on the worker. */
		second.source = first.source;
		second.sector = 100;
		second.sectors = 3000;
		second.places[0].device = first.places[0].device;
		second.places[0].sector = 500;
		second.places[0].sectors = 3000;
		rig.copier->start(second);
	};
	rig.copy(first, 0, 100);
	rig.finish(second);
	rig.check(first);
	rig.check(second);
}

/* Jobs of all kinds at once, with all kinds of faults. */
void copy_at_random(uint64_t seed)
{
	Random random(seed);
	CopierRig rig(4, 1 << 14, {.order = user::Order::random, .seed = seed});
	bool faults = random.one_in(3);
	if (random.one_in(2))
		Memory::instance().fail_nowait_randomly(seed, 1 + random.below(8));
	if (faults)
		for (uint64_t i = 0; i < 3; i++)
			rig.disk(random.below(4))
				.fail_nth(random.one_in(2) ? Op::read : Op::write,
					  1 + random.below(20));
	std::deque<Copy> copies;
	uint64_t next[4] = {};
	for (uint64_t i = 0; i < 12; i++) {
		uint64_t sectors = 1 + random.below(random.one_in(3) ? 2000 : 100);
		std::vector<Piece> pieces;
		/* The first destination takes the whole job. */
		for (size_t n = 1 + random.below(3); n; n--) {
			uint64_t offset = pieces.empty() ? 0 : random.below(sectors);
			uint64_t length = pieces.empty() ? sectors
							 : 1 + random.below(sectors - offset);
			if (next[n] + length > 1 << 14)
				continue;
			pieces.push_back({n, next[n], offset, length});
			next[n] += length;
		}
		if (pieces.empty())
			continue;
		copies.emplace_back(pieces);
		rig.start(copies.back(), random.below((1 << 14) - sectors), sectors);
		for (uint64_t steps = random.below(30); steps; steps--)
			rig.world.step();
	}
	for (Copy &copy : copies) {
		rig.finish(copy);
		if (!faults) {
			rig.check(copy);
			continue;
		}
		for (size_t i = 0; i < copy.pieces.size(); i++) {
			const Piece &piece = copy.pieces[i];
			EXPECT_TRUE(copy.places[i].error_told ||
				    rig.disk(piece.disk).peek(piece.sector, piece.sectors) ==
					    CopierRig::content(copy.sector + piece.offset,
							       piece.sectors))
				<< "a destination without an error lacks its data";
		}
	}
	Memory::instance().fail_nothing();
}

TEST(Copier, writes_zeros_where_a_target_reaches_over_the_end_of_the_stretch)
{
	/* Zeros in the last page that is read, in separate pages, and in a separate window. */
	for (uint64_t sectors : {1u, 3u, 7u, 8u, 500u, 511u, 512u, 513u, 1000u}) {
		CopierRig rig(3);
		Copy copy({{1, 0, 0, 1024}, {2, 0, 0, sectors}});
		rig.disk(1).poke(0, std::vector<uint8_t>(1100 * 512, 0xee));
		rig.copy(copy, 3000, sectors);
		EXPECT_EQ(copy.places[0].error_told, 0);
		EXPECT_TRUE(rig.disk(1).peek(0, sectors) == CopierRig::content(3000, sectors));
		EXPECT_TRUE(rig.is_blank(1, sectors, 1024 - sectors)) << sectors;
		EXPECT_EQ(rig.disk(1).peek(1024, 1)[0], 0xee);
		EXPECT_TRUE(rig.disk(2).peek(0, sectors) == CopierRig::content(3000, sectors));
		EXPECT_TRUE(rig.is_blank(2, sectors, 100));
		EXPECT_EQ(rig.disk(0).counters().read_sectors, sectors);
	}
}

TEST(Copier, copies_what_it_was_told_in_any_order_of_completions)
{
	for_seeds(120, copy_at_random);
}

} // namespace
} // namespace dmsnap::test
