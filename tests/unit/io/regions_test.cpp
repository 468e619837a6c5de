// SPDX-License-Identifier: GPL-2.0-only
/* Regions: which readers a write waits for. */
#include <gtest/gtest.h>

#include <list>
#include <memory>
#include <vector>

#include "io/regions.hpp"
#include "support/seed.hpp"
#include "user/random.hpp"
#include "user/world.hpp"

namespace dmsnap::test {
namespace {

constexpr uint64_t region = uint64_t{1} << Regions::region_shift;

class RegionsTest : public testing::Test {
protected:
	struct Waiting : Task {
		Waiting() : Task([](Task &task) { static_cast<Waiting &>(task).over++; }) {}
		int over = 0;
		Regions::Waiter waiter{*this};
	};

	/* A reader of one sector. */
	Regions::Token enter(uint64_t sector = 0) { return regions_->enter(sector, sector + 1); }
	void leave(Regions::Token token, uint64_t sector = 0) { regions_->leave(sector, token); }
	bool wait(Waiting &waiting, uint64_t begin = 0, uint64_t end = 8)
	{
		return regions_->wait(waiting.waiter, begin, end);
	}
	/* Does a wait for [@begin, @end) last while a reader is at @sector? */
	bool waits_for(uint64_t sector, uint64_t begin, uint64_t end)
	{
		Waiting waiting;
		Regions::Token token = enter(sector);
		bool waits = !wait(waiting, begin, end);
		leave(token, sector);
		world_.settle();
		EXPECT_EQ(waiting.over, waits);
		return waits;
	}

	user::World world_;
	Owned<Worker> worker_{std::move(*Worker::create("test"))};
	Owned<Regions> regions_{std::move(*make_owned<Regions>(*worker_))};
};

TEST_F(RegionsTest, without_readers_there_is_no_wait)
{
	Waiting waiting;
	EXPECT_TRUE(wait(waiting));
	leave(enter());
	EXPECT_TRUE(wait(waiting));
	world_.settle();
	EXPECT_EQ(waiting.over, 0);
}

TEST_F(RegionsTest, every_reader_of_before_is_waited_for_and_none_of_after)
{
	auto first = enter();
	auto second = enter();
	Waiting waiting;
	EXPECT_FALSE(wait(waiting));
	auto later = enter();
	leave(second);
	world_.settle();
	EXPECT_EQ(waiting.over, 0);
	leave(first);
	world_.settle();
	EXPECT_EQ(waiting.over, 1);
	leave(later);
}

TEST_F(RegionsTest, one_that_comes_during_a_wait_has_readers_of_its_own_to_wait_for)
{
	auto first = enter();
	Waiting early;
	EXPECT_FALSE(wait(early));
	auto second = enter();
	Waiting late;
	EXPECT_FALSE(wait(late));
	leave(first);
	world_.settle();
	EXPECT_EQ(early.over, 1);
	EXPECT_EQ(late.over, 0);
	auto third = enter();
	leave(second);
	world_.settle();
	EXPECT_EQ(late.over, 1);
	leave(third);
}

TEST_F(RegionsTest, readers_elsewhere_are_not_waited_for)
{
	EXPECT_TRUE(waits_for(0, 0, 8));
	EXPECT_TRUE(waits_for(region - 1, 0, 8));
	EXPECT_FALSE(waits_for(region, 0, region));
	EXPECT_FALSE(waits_for(region - 1, region, region + 8));
	/* As with jobs that read at the same offset in large parts. */
	for (uint64_t distance = region; distance < uint64_t{1} << 34; distance *= 2)
		EXPECT_FALSE(waits_for(distance, 0, 8)) << distance;
}

TEST_F(RegionsTest, every_region_of_a_range_is_waited_for)
{
	for (uint64_t sector : {region - 1, region, 2 * region, 4 * region})
		EXPECT_TRUE(waits_for(sector, region - 1, 4 * region + 1)) << sector;
	EXPECT_FALSE(waits_for(region - 1, region, 4 * region));
	EXPECT_FALSE(waits_for(4 * region, region, 4 * region));
	/* More regions than there are places, from several starts. */
	for (uint64_t begin : {uint64_t{0}, 1000 * region, 1023 * region + 5})
		for (uint64_t at : {0, 1, 700, 1023, 1024, 5000})
			EXPECT_TRUE(waits_for(begin + at * region, begin, begin + 5001 * region + 1))
				<< begin << " " << at;
	EXPECT_TRUE(waits_for(uint64_t{1} << 40, 0, UINT64_MAX));
}

TEST_F(RegionsTest, a_long_read_is_waited_for_in_each_region_it_touches)
{
	uint64_t begin = 5 * region + 3;
	ASSERT_EQ(Regions::limit(begin), (5 + Regions::touched_max) * region);
	auto token = regions_->enter(begin, Regions::limit(begin));
	std::vector<std::unique_ptr<Waiting>> waitings;
	for (unsigned int i = 0; i < Regions::touched_max; i++) {
		waitings.push_back(std::make_unique<Waiting>());
		uint64_t at = (5 + i) * region;
		EXPECT_FALSE(wait(*waitings.back(), at, at + region)) << i;
	}
	world_.settle();
	for (auto &waiting : waitings)
		EXPECT_EQ(waiting->over, 0);
	regions_->leave(begin, token);
	world_.settle();
	for (auto &waiting : waitings)
		EXPECT_EQ(waiting->over, 1);
}

TEST_F(RegionsTest, runs_that_are_not_settled_are_seen_in_their_regions)
{
	regions_->add_unsettled(region + 8, 2 * region + 8);
	EXPECT_TRUE(regions_->settled(0, region));
	EXPECT_FALSE(regions_->settled(0, region + 1));
	EXPECT_FALSE(regions_->settled(2 * region, 2 * region + 8));
	EXPECT_TRUE(regions_->settled(3 * region, 4 * region));
	regions_->add_unsettled(region, region + 8);
	regions_->drop_unsettled(region + 8, 2 * region + 8);
	EXPECT_FALSE(regions_->settled(region, region + 8));
	EXPECT_TRUE(regions_->settled(2 * region, 3 * region));
	regions_->drop_unsettled(region, region + 8);
	EXPECT_TRUE(regions_->settled(0, UINT64_MAX));
}

/*
 * Readers enter and leave at random.  A wait must not end before all readers have left that were
 * in its range when it began.  It must end when no reader is left that came before or during it.
 */
TEST_F(RegionsTest, randomised_waits_are_for_earlier_readers_and_end)
{
	for_seeds(60, [&](uint64_t seed) {
		struct Reader {
			uint64_t begin;
			uint64_t end;
			Regions::Token token;
		};
		struct Wait : Waiting {
			uint64_t begin = 0;
			uint64_t end = 0;
			/* Readers that must leave before it ends. */
			std::vector<const Reader *> before;
			bool waits = false;
		};
		user::Random random(seed);
		std::list<Reader> readers;
		std::list<Wait> waits;
		uint64_t range = (1 + random.below(40)) * region;

		for (int n = 0; n < 400; n++) {
			switch (random.below(4)) {
			case 0:
			case 1: {
				uint64_t begin = random.below(range);
				uint64_t end =
					begin + 1 + random.below(Regions::limit(begin) - begin);
				readers.push_back({begin, end, regions_->enter(begin, end)});
				break;
			}
			case 2:
				if (!readers.empty()) {
					auto leaver = std::next(readers.begin(),
								static_cast<ptrdiff_t>(random.below(
									readers.size())));
					regions_->leave(leaver->begin, leaver->token);
					for (Wait &wait : waits)
						std::erase(wait.before, &*leaver);
					readers.erase(leaver);
				}
				break;
			case 3: {
				Wait &wait = waits.emplace_back();
				wait.begin = random.below(range);
				wait.end = wait.begin + 1 + random.below(4 * region);
				for (const Reader &reader : readers)
					if (reader.begin < wait.end && wait.begin < reader.end)
						wait.before.push_back(&reader);
				wait.waits = !regions_->wait(wait.waiter, wait.begin, wait.end);
				break;
			}
			}
			if (random.one_in(3))
				world_.settle();
			for (Wait &wait : waits)
				ASSERT_TRUE(wait.before.empty() || (wait.waits && !wait.over));
		}
		for (Reader &reader : readers)
			regions_->leave(reader.begin, reader.token);
		world_.settle();
		for (Wait &wait : waits)
			ASSERT_EQ(wait.over, wait.waits);
	});
}

} // namespace
} // namespace dmsnap::test
