// SPDX-License-Identifier: GPL-2.0-only
/* Copies with adjacent targets, which are written together. */
#include <deque>
#include <vector>

#include <gtest/gtest.h>

#include "unit/copier/copier_rig.hpp"

namespace dmsnap::test {
namespace {

using user::Op;

/* Copies of 4 KiB from scattered places; their reads end together. */
class CopierGathers : public testing::Test {
protected:
	void copy_all(const std::vector<std::vector<Piece>> &wanted)
	{
		rig.disk(0).hold(Op::read);
		for (const auto &pieces : wanted) {
			copies.emplace_back(pieces);
			rig.start(copies.back(), 8 * (1 + 37 * copies.size() % 101), 8);
		}
		rig.world.settle();
		rig.disk(0).release();
		for (Copy &copy : copies)
			rig.finish(copy);
	}
	void check_all()
	{
		for (Copy &copy : copies)
			rig.check(copy);
	}

	CopierRig rig;
	std::deque<Copy> copies;
};

TEST_F(CopierGathers, what_lies_side_by_side_into_one_write)
{
	std::vector<std::vector<Piece>> wanted;
	for (uint64_t i = 0; i < 20; i++)
		wanted.push_back({{1, 1000 + 8 * i, 0, 8}, {2, 8 * i, 0, 8}});
	copy_all(wanted);
	check_all();
	for (size_t n : {1, 2}) {
		EXPECT_EQ(rig.disk(n).counters().writes, 1u);
		EXPECT_EQ(rig.disk(n).counters().written_sectors, 160u);
	}
}

TEST_F(CopierGathers, no_more_than_a_window)
{
	std::vector<std::vector<Piece>> wanted;
	for (uint64_t i = 0; i < 100; i++)
		wanted.push_back({{1, 8 * i, 0, 8}});
	copy_all(wanted);
	check_all();
	ASSERT_EQ(rig.disk(1).log().size(), 2u);
	EXPECT_EQ(rig.disk(1).log()[0].sectors, 512u);
	EXPECT_EQ(rig.disk(1).log()[1].sectors, 288u);
}

TEST_F(CopierGathers, nothing_over_a_gap_or_after_half_a_page)
{
	/*
	 * A gap; backwards; a gap; a page cut short at its end (on 1), which ends the write, and
	 * one cut short at its start (on 2), which does not.
	 */
	copy_all({{{1, 100, 0, 8}},
		  {{1, 116, 0, 8}},
		  {{1, 108, 0, 8}},
		  {{1, 124, 0, 5}, {2, 0, 3, 5}},
		  {{1, 129, 0, 8}},
		  {{1, 137, 0, 8}, {2, 5, 0, 8}}});
	check_all();
	EXPECT_EQ(rig.disk(1).counters().writes, 5u);
	EXPECT_EQ(rig.disk(2).counters().writes, 1u);
	EXPECT_TRUE(rig.is_blank(1, 145, 20));
}

TEST_F(CopierGathers, no_writes_that_may_wait_with_those_that_may_not)
{
	rig.disk(0).hold(Op::read);
	for (uint64_t i = 0; i < 3; i++) {
		copies.emplace_back(std::vector<Piece>{{1, 8 * i, 0, 8}});
		copies.back().write_flags = i == 1 ? 0 : DMSNAP_IO_SYNC;
		rig.start(copies.back(), 80 * i, 8);
	}
	rig.world.settle();
	rig.disk(0).release();
	for (Copy &copy : copies)
		rig.finish(copy);
	check_all();
	EXPECT_EQ(rig.disk(1).counters().writes, 3u);
}

TEST_F(CopierGathers, and_a_failure_counts_for_every_copy_in_it)
{
	rig.disk(1).fail_nth(Op::write, 1);
	copy_all({{{1, 0, 0, 8}, {2, 0, 0, 8}}, {{1, 8, 0, 8}}, {{1, 100, 0, 8}}});
	EXPECT_EQ(copies[0].places[0].error_told, -5);
	EXPECT_EQ(copies[0].places[1].error_told, 0);
	EXPECT_EQ(copies[1].places[0].error_told, -5);
	EXPECT_EQ(copies[2].places[0].error_told, 0);
}

} // namespace
} // namespace dmsnap::test
