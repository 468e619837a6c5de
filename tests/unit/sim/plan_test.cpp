// SPDX-License-Identifier: GPL-2.0-only
#include "sim/plan.hpp"

#include <gtest/gtest.h>

namespace dmsnap::sim {
namespace {

using Numbers = std::vector<unsigned int>;

TEST(Plan, follows_from_its_seed)
{
	Plan one = plan_of(77), two = plan_of(77), other = plan_of(78);
	ASSERT_EQ(one.steps.size(), two.steps.size());
	for (size_t i = 0; i < one.steps.size(); i++) {
		EXPECT_EQ(one.steps[i].action, two.steps[i].action);
		EXPECT_EQ(one.steps[i].seed, two.steps[i].seed);
		EXPECT_EQ(one.steps[i].number, i);
	}
	EXPECT_NE(one.steps[0].seed, other.steps[0].seed);
}

TEST(Plan, has_every_action_somewhere)
{
	std::vector<bool> seen(action_count);
	for (uint64_t seed = 0; seed < 100; seed++)
		for (const Step &step : plan_of(seed, ~0u).steps)
			seen[static_cast<unsigned int>(step.action)] = true;
	for (unsigned int i = 0; i < action_count; i++)
		EXPECT_TRUE(seen[i]) << to_text(static_cast<Action>(i));
}

TEST(Plan, has_the_troubles_that_are_asked_for_beside_its_own)
{
	unsigned int trouble = 0;
	ASSERT_TRUE(parse_trouble("teardown,hanging", trouble));
	EXPECT_EQ(trouble, teardown | hanging);
	EXPECT_EQ(trouble_names(trouble), "teardown,hanging");
	EXPECT_FALSE(parse_trouble("hanging,nothing", trouble));
	unsigned int own = 0;
	for (uint64_t seed = 0; seed < 100; seed++) {
		own |= plan_of(seed).trouble;
		EXPECT_EQ(plan_of(seed, trouble).trouble, plan_of(seed).trouble | trouble);
	}
	EXPECT_EQ(own, all_trouble);
}

TEST(Plan, comes_from_any_bytes)
{
	EXPECT_TRUE(plan_of(std::span<const uint8_t>{}).steps.empty());
	const uint8_t bytes[] = {5, small_cow, 0, 0, 255, 1, 2, 0, 0, 9, 7};
	Plan plan = plan_of(bytes);
	EXPECT_EQ(plan.seed, 5u);
	EXPECT_EQ(plan.trouble, small_cow | teardown | strict_flush);
	ASSERT_EQ(plan.steps.size(), 2u);
	EXPECT_EQ(plan.steps[0].action, static_cast<Action>(255 % action_count));
	EXPECT_EQ(plan.steps[0].seed, 0x102u);
	EXPECT_EQ(plan.steps[1].action, Action::write_origin);
}

TEST(Plan, from_bytes_can_have_each_trouble)
{
	for (unsigned int bit = 1; bit <= all_trouble; bit *= 2) {
		const uint8_t bytes[] = {0, static_cast<uint8_t>(bit),
					 static_cast<uint8_t>(bit >> 8),
					 static_cast<uint8_t>(bit >> 16)};
		EXPECT_EQ(plan_of(bytes).trouble, bit | teardown | strict_flush);
	}
	const uint8_t all[] = {0, 255, 255, 255};
	EXPECT_EQ(plan_of(all).trouble, all_trouble);
}

TEST(Plan, a_part_keeps_the_steps_as_they_were)
{
	Plan whole = plan_of(3);
	Plan part = only(whole, {1, 4});
	ASSERT_EQ(part.steps.size(), 2u);
	EXPECT_EQ(part.steps[1].number, 4u);
	EXPECT_EQ(part.steps[1].seed, whole.steps[4].seed);
	EXPECT_EQ(part.seed, whole.seed);
	EXPECT_EQ(part.trouble, whole.trouble);
}

TEST(Plan, numbers_are_written_as_people_do)
{
	EXPECT_EQ(to_text(Numbers{0, 1, 2, 7, 9, 10}), "0-2,7,9-10");
	Numbers numbers;
	ASSERT_TRUE(parse("0-2,7,9-10", numbers));
	EXPECT_EQ(numbers, (Numbers{0, 1, 2, 7, 9, 10}));
	for (const char *bad : {"", "x", "1,", "3-1", "1-", "1 2", "0-4294967295"}) {
		Numbers ignored;
		EXPECT_FALSE(parse(bad, ignored)) << bad;
	}
}

} // namespace
} // namespace dmsnap::sim
