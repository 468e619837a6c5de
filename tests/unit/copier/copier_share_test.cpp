// SPDX-License-Identifier: GPL-2.0-only
/* A destination whose share of the pages is full, and the other destinations of the same jobs. */
#include <deque>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "unit/copier/copier_rig.hpp"

namespace dmsnap::test {
namespace {

using user::Op;

constexpr uint64_t length = 2048;
constexpr uint64_t jobs = 8;

/* Jobs of 1 MiB that copy to disks 1 and 2: more than a share. */
class CopierShare : public testing::Test {
protected:
	void start(uint64_t n, const std::vector<Piece> &pieces)
	{
		Copy &copy = copies_.emplace_back(pieces);
		for (size_t i = 0; i < pieces.size(); i++)
			copy.places[i].share = &shares_[pieces[i].disk];
		copy.all_read = [](CopyJob &job) { all_read_[&job]++; };
		rig_.start(copy, n * length, length);
	}
	void start_all()
	{
		for (uint64_t n = 0; n < jobs; n++)
			start(n, {{1, n * length, 0, length}, {2, n * length, 0, length}});
	}
	void finish_all()
	{
		for (Copy &copy : copies_) {
			rig_.finish(copy);
			rig_.check(copy);
			EXPECT_EQ(all_read_[&copy], 1);
		}
		for (const CopyShare &share : shares_)
			EXPECT_EQ(share.pages, 0u);
	}
	void TearDown() override { all_read_.clear(); }

	static inline std::map<CopyJob *, int> all_read_;
	CopyShare shares_[3];
	CopierRig rig_{3, 1 << 16};
	std::deque<Copy> copies_;
};

TEST_F(CopierShare, goes_on_without_a_destination_that_does_not_answer)
{
	for (size_t hung : {1, 2}) {
		rig_.disk(hung).hold(Op::write);
		start_all();
		rig_.world.run_for(10'000 * ns_per_ms);
		for (Copy &copy : copies_) {
			EXPECT_EQ(copy.places[hung - 1].calls, 0);
			EXPECT_EQ(copy.places[2 - hung].calls, 1);
			EXPECT_EQ(all_read_[&copy], 1) << "the source stays open";
		}
		EXPECT_LE(shares_[hung].pages, PageReserve::pages_max / 2);
		rig_.disk(hung).release();
		finish_all();
		copies_.clear();
		all_read_.clear();
	}
}

TEST_F(CopierShare, goes_on_without_it_within_a_job)
{
	rig_.disk(1).hold(Op::write);
	/* The first is longer than a share; the others want odd parts of the second. */
	Copy &copy = copies_.emplace_back(
		std::vector<Piece>{{1, 0, 0, 20000}, {2, 0, 1000, 19500}, {1, 30000, 17777, 901}});
	for (Copy::Place &place : copy.places)
		place.share = &shares_[&place == &copy.places[1] ? 2 : 1];
	copy.all_read = [](CopyJob &job) { all_read_[&job]++; };
	rig_.start(copy, 5, 20000);
	rig_.world.run_for(10'000 * ns_per_ms);
	EXPECT_EQ(copy.places[0].calls, 0);
	EXPECT_EQ(copy.places[1].calls, 1);
	rig_.disk(1).release();
	rig_.finish(copy);
	for (size_t i : {0, 2})
		EXPECT_TRUE(rig_.disk(1).peek(copy.pieces[i].sector, copy.pieces[i].sectors) ==
			    CopierRig::content(5 + copy.pieces[i].offset, copy.pieces[i].sectors));
	EXPECT_EQ(all_read_[&copy], 1);
}

TEST_F(CopierShare, reads_once_if_both_devices_answer)
{
	rig_.disk(1).hold(Op::write);
	start_all();
	rig_.world.run_for(100 * ns_per_ms);
	rig_.disk(1).release();
	rig_.world.run_for(200 * ns_per_ms);
	for (Copy &copy : copies_)
		EXPECT_EQ(copy.done_calls, 1) << "it is delayed";
	finish_all();
	EXPECT_EQ(rig_.disk(0).counters().read_sectors, jobs * length);
}

/* Reads of what a destination has missed fail for this destination alone. */
TEST_F(CopierShare, reports_a_failed_read_of_what_was_missed)
{
	rig_.disk(1).hold(Op::write);
	start_all();
	rig_.world.run_for(10'000 * ns_per_ms);
	rig_.disk(0).fail_range(Op::read, (jobs - 1) * length + 700, 1);
	rig_.disk(1).release();
	for (Copy &copy : copies_)
		rig_.finish(copy);
	Copy &last = copies_.back();
	EXPECT_NE(last.places[0].error_told, 0);
	EXPECT_TRUE(last.places[0].read_failed);
	EXPECT_EQ(last.places[1].error_told, 0);
	EXPECT_EQ(copies_.front().places[0].error_told, 0);
	for (const CopyShare &share : shares_)
		EXPECT_EQ(share.pages, 0u);
}

/* However much it holds. */
/* The job has gone on without one destination when its read fails for some of the others. */
TEST_F(CopierShare, reads_again_for_the_others_alone)
{
	const uint64_t begin = jobs * length;
	rig_.disk(1).hold(Op::write);
	start_all();
	rig_.world.run_for(10'000 * ns_per_ms);
	rig_.disk(0).fail_range(Op::read, begin + 700, 1);
	start(jobs, {{1, begin, 0, length}, {2, begin, 0, 600}, {2, begin + 800, 800, 1000}});
	Copy &last = copies_.back();
	last.places[1].share = last.places[2].share = &shares_[2];
	rig_.world.run_for(10'000 * ns_per_ms);
	EXPECT_EQ(last.places[0].calls, 0);
	for (size_t i : {1, 2}) {
		EXPECT_EQ(last.places[i].calls, 1);
		EXPECT_EQ(last.places[i].error_told, 0);
	}
	EXPECT_EQ(all_read_[&last], 1);
	rig_.disk(1).release();
	for (Copy &copy : copies_)
		rig_.finish(copy);
	EXPECT_TRUE(last.places[0].read_failed);
	EXPECT_TRUE(rig_.disk(2).peek(begin + 800, 1000) == CopierRig::content(begin + 800, 1000));
	for (const CopyShare &share : shares_)
		EXPECT_EQ(share.pages, 0u);
}

TEST_F(CopierShare, lets_background_jobs_go_on_beside_a_device_that_hangs)
{
	rig_.disk(1).hold(Op::write);
	for (uint64_t n = 0; n < jobs; n++)
		start(n, {{1, n * length, 0, length}});
	rig_.world.run_for(100 * ns_per_ms);
	Copy background({{2, 0, 0, 4 * length}});
	background.background_pages = 512;
	rig_.start(background, 0, 4 * length);
	rig_.finish(background);
	rig_.check(background);
	rig_.disk(1).release();
	finish_all();
}

} // namespace
} // namespace dmsnap::test
