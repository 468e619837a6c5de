// SPDX-License-Identifier: GPL-2.0-only
/* The copier's pages: how many it takes, how jobs share them, and what it does without. */
#include <algorithm>
#include <deque>
#include <vector>

#include <gtest/gtest.h>

#include "unit/copier/copier_rig.hpp"
#include "user/memory.hpp"
#include "user/world.hpp"

namespace dmsnap::test {
namespace {

using user::Memory;
using user::Op;
using user::World;

TEST(Copier, keeps_to_its_cap_of_pages_whatever_the_jobs_are)
{
	/* Jobs of odd lengths that do not end. */
	CopierRig rig(2);
	rig.disk(1).hold(Op::write);
	std::deque<Copy> copies;
	size_t most = 0;
	size_t before = Memory::instance().bytes();
	for (uint64_t i = 0; i < 200; i++) {
		uint64_t sectors = 8 * 50 + i % 3;
		copies.emplace_back(std::vector<Piece>{{1, i * 300, 0, sectors}});
		rig.start(copies.back(), i, sectors);
		rig.world.settle();
		most = std::max(most, Memory::instance().bytes() - before);
	}
	size_t pages = PageReserve::pages_max;
	EXPECT_LE(most, pages * DMSNAP_PAGE_SIZE + (1u << 18));
	EXPECT_GT(most, (pages - 64) * DMSNAP_PAGE_SIZE);
	rig.disk(1).release();
	for (Copy &copy : copies)
		rig.finish(copy);
}

TEST(Copier, gives_background_jobs_little_and_takes_them_last)
{
	CopierRig rig(3, 1 << 16);
	rig.disk(0).hold(Op::read);
	Copy background({{1, 0, 0, 32768}});
	background.background_pages = 512;
	rig.start(background, 0, 32768);
	rig.world.run_for(10 * ns_per_ms);
	EXPECT_EQ(rig.disk(0).held() * 512, background.background_pages * 8);

	/* A copy that is waited for still gets memory, and comes next. */
	Copy urgent({{2, 0, 0, 4096}});
	rig.start(urgent, 40000, 4096);
	rig.world.run_for(10 * ns_per_ms);
	EXPECT_EQ(rig.disk(0).held() * 512, background.background_pages * 8 + 4096);
	rig.disk(0).release();
	rig.finish(urgent);
	EXPECT_EQ(background.done_calls, 0);
	rig.finish(background);
	rig.check(background);
	rig.check(urgent);
}

/* However many destinations hang, and however much is requested of them. */
TEST(Copier, leaves_pages_to_the_others_when_destinations_hang)
{
	CopierRig rig(5, 1 << 16);
	CopyShare shares[5];
	std::deque<Copy> hanging;
	auto start = [&](Copy &copy, uint64_t sector, uint64_t sectors) {
		for (size_t i = 0; i < copy.pieces.size(); i++)
			copy.places[i].share = &shares[copy.pieces[i].disk];
		rig.start(copy, sector, sectors);
	};
	for (size_t disk : {1, 2, 3}) {
		rig.disk(disk).hold(Op::write);
		for (uint64_t n = 0; n < 16; n++)
			start(hanging.emplace_back(std::vector<Piece>{{disk, n * 2048, 0, 2048}}),
			      n * 2048, 2048);
		rig.world.run_for(100 * ns_per_ms);
	}
	EXPECT_GT(shares[3].pages, 64u);
	EXPECT_LE(shares[1].pages, PageReserve::pages_max / 2);

	Copy copy({{4, 0, 0, 4096}});
	start(copy, 100, 4096);
	rig.finish(copy);
	rig.check(copy);
	/* A copy that waits for its share continues as soon as its pages return. */
	for (size_t disk : {1, 2, 3})
		rig.disk(disk).release();
	for (Copy &one : hanging) {
		rig.finish(one);
		rig.check(one);
	}
	for (const CopyShare &share : shares)
		EXPECT_EQ(share.pages, 0u);
}

TEST(Copier, asks_no_share_of_a_destination_that_has_everything)
{
	CopierRig rig(3, 1 << 16);
	CopyShare shares[2];
	Copy copy({{1, 0, 0, 512}, {2, 512, 512, 20000}});
	copy.places[0].share = &shares[0];
	copy.places[1].share = &shares[1];
	rig.start(copy, 0, 20512);
	while (copy.places[0].calls == 0)
		ASSERT_TRUE(rig.world.step());
	/* Its snapshot may be gone now, and the memory be something else. */
	shares[0].pages = PageReserve::pages_max;
	rig.finish(copy);
	rig.check(copy);
}

/* The windows do not end, because another destination takes part in each. */
TEST(Copier, continues_copies_that_wait_for_a_share_while_a_window_hangs)
{
	CopierRig rig(3, 1 << 16);
	CopyShare shares[2];
	std::deque<Copy> both;
	for (size_t disk : {1, 2})
		rig.disk(disk).hold(Op::write);
	for (uint64_t n = 0; n < 16; n++) {
		Copy &copy = both.emplace_back(
			std::vector<Piece>{{1, n * 2048, 0, 2048}, {2, n * 2048, 0, 2048}});
		copy.places[0].share = &shares[0];
		copy.places[1].share = &shares[1];
		rig.start(copy, n * 2048, 2048);
	}
	Copy alone({{2, 40000, 0, 2048}});
	alone.places[0].share = &shares[1];
	rig.start(alone, 40000, 2048);
	rig.world.run_for(100 * ns_per_ms);
	EXPECT_EQ(alone.done_calls, 0);

	rig.disk(2).release();
	rig.world.run_for(100 * ns_per_ms);
	EXPECT_EQ(alone.done_calls, 1);
	rig.finish(alone);
	rig.check(alone);
	rig.disk(1).release();
	for (Copy &copy : both) {
		rig.finish(copy);
		rig.check(copy);
	}
}

TEST(Copier, gives_the_pages_of_a_share_back_when_a_read_or_write_fails)
{
	for (Op failing : {Op::read, Op::write}) {
		CopierRig rig(3, 1 << 16);
		CopyShare shares[2];
		Copy copy({{1, 0, 0, 2048}, {2, 0, 0, 2048}});
		copy.places[0].share = &shares[0];
		copy.places[1].share = &shares[1];
		rig.disk(failing == Op::read ? 0 : 1).fail_range(failing, 700, 1);
		rig.start(copy, 0, 2048);
		rig.finish(copy);
		EXPECT_NE(copy.places[0].error_told, 0);
		EXPECT_EQ(shares[0].pages, 0u);
		EXPECT_EQ(shares[1].pages, 0u);
	}
}

TEST(Copier, needs_no_memory_but_its_reserves)
{
	CopierRig rig(4);
	Memory::instance().fail_nowait_from(0);
	size_t before = Memory::instance().bytes();
	Copy copy({{1, 0, 0, 20000}, {2, 3, 100, 9000}, {3, 1, 19999, 1}});
	rig.start(copy, 5, 20000);
	size_t most = 0;
	rig.world.run_until([&] {
		most = std::max(most, Memory::instance().bytes() - before);
		return copy.done_calls > 0;
	});
	Memory::instance().fail_nothing();
	EXPECT_EQ(copy.done_calls, 1);
	rig.check(copy);
	/* The memory of windows and transfers. */
	EXPECT_LT(most, 16384u);
}

TEST(Copier, ends_every_job_whenever_memory_becomes_short)
{
	for (uint64_t n = 0; n < 150; n += 1 + n / 16) {
		CopierRig rig(3, 8192);
		Memory::instance().fail_nowait_from(n);
		Copy one({{1, 0, 0, 2000}, {2, 0, 0, 2000}});
		Copy two({{1, 2000, 0, 1001}, {2, 2000, 10, 900}});
		Copy three({{2, 5000, 0, 1}});
		rig.start(one, 0, 2000);
		rig.start(two, 3000, 1001);
		rig.start(three, 5, 1);
		for (Copy *copy : {&one, &two, &three}) {
			rig.finish(*copy);
			rig.check(*copy);
		}
		Memory::instance().fail_nothing();
	}
}

TEST(Copier, serves_more_targets_than_there_are_writes_in_reserve)
{
	CopierRig rig(2);
	Memory::instance().fail_nowait_from(0);
	std::vector<Piece> pieces;
	for (uint64_t i = 0; i < 60; i++)
		pieces.push_back({1, i * 64, i % 5, 32 - i % 5});
	Copy copy(pieces);
	Copy other(std::vector<Piece>{{1, 20000, 0, 600}});
	rig.start(copy, 999, 32);
	rig.start(other, 2000, 600);
	rig.finish(copy);
	rig.finish(other);
	Memory::instance().fail_nothing();
	rig.check(copy);
	rig.check(other);
}

TEST(Copier, leaves_nothing_when_it_cannot_be_made)
{
	World world;
	auto worker = std::move(*Worker::create("test"));
	Memory &memory = Memory::instance();
	size_t before = memory.outstanding();
	for (uint64_t n = 0;; n++) {
		memory.fail_construct_at(n);
		auto copier = Copier::create(*worker);
		bool all_tried = memory.construct_requests() <= n;
		memory.fail_nothing();
		EXPECT_EQ(!copier, !all_tried) << n;
		if (copier)
			break;
		EXPECT_EQ(copier.error(), Error::no_memory);
		EXPECT_EQ(memory.outstanding(), before) << n;
	}
}

} // namespace
} // namespace dmsnap::test
