// SPDX-License-Identifier: GPL-2.0-only
#include "base/list.hpp"

#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "user/failure.hpp"

namespace dmsnap {
namespace {

struct Item {
	explicit Item(int item_value) : value(item_value) {}

	int value;
	ListHook link;
};

using Items = List<Item, &Item::link>;

std::vector<int> values_of(Items &list)
{
	std::vector<int> values;
	for (Item &item : list) {
		values.push_back(item.value);
	}
	return values;
}

void clear(Items &list)
{
	while (list.pop_front()) {
	}
}

TEST(List, keeps_the_order_of_insertion)
{
	Item one(1), two(2), three(3), four(4);
	Items list;
	list.push_back(two);
	list.push_back(four);
	list.push_front(one);
	list.insert_before(four, three);
	EXPECT_EQ(values_of(list), (std::vector{1, 2, 3, 4}));
	EXPECT_EQ(list.front(), &one);
	EXPECT_EQ(list.back(), &four);
	EXPECT_EQ(list.next(two), &three);
	EXPECT_EQ(list.next(four), nullptr);
	clear(list);
}

TEST(List, pops_from_the_front_until_empty)
{
	Item one(1), two(2);
	Items list;
	EXPECT_TRUE(list.empty());
	EXPECT_EQ(list.front(), nullptr);
	EXPECT_EQ(list.back(), nullptr);
	list.push_back(one);
	list.push_back(two);
	EXPECT_EQ(list.pop_front(), &one);
	EXPECT_FALSE(one.link.linked());
	EXPECT_TRUE(two.link.linked());
	EXPECT_EQ(list.pop_front(), &two);
	EXPECT_EQ(list.pop_front(), nullptr);
	EXPECT_TRUE(list.empty());
}

TEST(List, unlink_takes_one_out_of_the_middle)
{
	Item one(1), two(2), three(3);
	Items list;
	for (Item *item : {&one, &two, &three})
		list.push_back(*item);
	two.link.unlink();
	EXPECT_EQ(values_of(list), (std::vector{1, 3}));
	list.push_front(two);
	EXPECT_EQ(values_of(list), (std::vector{2, 1, 3}));
	clear(list);
}

TEST(List, take_all_appends_and_empties_the_other)
{
	Item one(1), two(2), three(3);
	Items list, other;
	list.take_all(other);
	EXPECT_TRUE(list.empty());
	list.push_back(one);
	other.push_back(two);
	other.push_back(three);
	list.take_all(other);
	EXPECT_TRUE(other.empty());
	EXPECT_EQ(values_of(list), (std::vector{1, 2, 3}));
	other.take_all(list);
	EXPECT_TRUE(list.empty());
	EXPECT_EQ(values_of(other), (std::vector{1, 2, 3}));
	clear(other);
}

TEST(List, a_loop_may_free_the_object_it_is_at)
{
	Items list;
	for (int i = 0; i < 3; ++i)
		list.push_back(*std::make_unique<Item>(i).release());
	int sum = 0;
	for (Item &item : list) {
		sum += item.value;
		item.link.unlink();
		std::unique_ptr<Item> owner(&item);
	}
	EXPECT_EQ(sum, 3);
	EXPECT_TRUE(list.empty());
}

TEST(List, object_gone_while_on_a_list_is_reported)
{
	user::FailureCapture failures;
	{
		Items list;
		Item item(1);
		list.push_back(item);
	}
	EXPECT_TRUE(failures.saw("!linked()"));
	EXPECT_TRUE(failures.saw("empty()"));
}

} // namespace
} // namespace dmsnap
