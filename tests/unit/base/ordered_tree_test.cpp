// SPDX-License-Identifier: GPL-2.0-only
#include "base/ordered_tree.hpp"

#include <map>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "support/seed.hpp"
#include "user/failure.hpp"
#include "user/random.hpp"

namespace dmsnap {
namespace {

struct Item {
	TreeHook by_key;
	uint64_t key = 0;
};

/* How many objects had their key read. */
uint64_t keys_read = 0;

uint64_t key_of(const Item &item)
{
	++keys_read;
	return item.key;
}

using Tree = OrderedTree<Item, &Item::by_key, key_of>;

TEST(OrderedTree, empty_tree_finds_nothing)
{
	Tree tree;
	EXPECT_TRUE(tree.empty());
	EXPECT_EQ(tree.find_around(UINT64_MAX).before, nullptr);
	EXPECT_EQ(tree.find_around(0).behind, nullptr);
	EXPECT_EQ(tree.first(), nullptr);
}

TEST(OrderedTree, agrees_with_a_map)
{
	test::for_seeds(1, [](uint64_t seed) {
		user::Random random(seed);
		Tree tree;
		std::map<uint64_t, std::unique_ptr<Item>> model;
		for (int step = 0; step < 100'000; ++step) {
			const uint64_t key = random.below(2000);
			const auto at = model.find(key);
			if (at == model.end()) {
				auto item = std::make_unique<Item>();
				item->key = key;
				tree.insert(*item);
				ASSERT_TRUE(item->by_key.linked());
				model.emplace(key, std::move(item));
			} else {
				tree.remove(*at->second);
				ASSERT_FALSE(at->second->by_key.linked());
				model.erase(at);
			}

			const uint64_t probe = random.below(2010);
			const auto above = model.upper_bound(probe);
			const auto [before, behind] = tree.find_around(probe);
			ASSERT_EQ(behind, above == model.end() ? nullptr : above->second.get());
			ASSERT_EQ(before, above == model.begin() ? nullptr
								 : std::prev(above)->second.get());
			ASSERT_EQ(tree.first(),
				  model.empty() ? nullptr : model.begin()->second.get());
			ASSERT_EQ(tree.empty(), model.empty());
		}
		for (const auto &[key, item] : model)
			tree.remove(*item);
		EXPECT_TRUE(tree.empty());
	});
}

TEST(OrderedTree, looks_at_few_objects_in_whatever_order_they_came)
{
	constexpr uint64_t count = 16384;
	for (const bool ascending : {true, false}) {
		std::vector<Item> items(count);
		Tree tree;
		for (uint64_t i = 0; i < count; ++i) {
			items[i].key = ascending ? i : count - i;
			tree.insert(items[i]);
		}
		keys_read = 0;
		for (uint64_t i = 0; i < count; ++i)
			tree.find_around(i);
		/* The average of a random search tree is 2 ln n = 19.4. */
		EXPECT_LE(keys_read / count, 28u);
		for (Item &item : items)
			tree.remove(item);
	}
}

TEST(OrderedTree, key_may_change_between_its_neighbours)
{
	Item low, middle, high;
	low.key = 10;
	middle.key = 20;
	high.key = 30;
	Tree tree;
	for (Item *item : {&middle, &high, &low})
		tree.insert(*item);
	middle.key = 11;
	EXPECT_EQ(tree.find_around(11).before, &middle);
	EXPECT_EQ(tree.find_around(11).behind, &high);
	for (Item *item : {&low, &middle, &high})
		tree.remove(*item);
}

TEST(OrderedTree, object_gone_while_in_the_tree_is_reported)
{
	user::FailureCapture failures;
	{
		Tree tree;
		Item item;
		tree.insert(item);
	}
	EXPECT_TRUE(failures.saw("!linked()"));
	EXPECT_TRUE(failures.saw("empty()"));
}

TEST(OrderedTree, insertion_of_an_object_that_is_in_a_tree_is_reported)
{
	Tree tree;
	Item item;
	tree.insert(item);
	{
		user::FailureCapture failures;
		tree.insert(item);
		EXPECT_TRUE(failures.saw("!links.linked_"));
	}
	EXPECT_EQ(tree.first(), &item);
	tree.remove(item);
	EXPECT_TRUE(tree.empty());
}

} // namespace
} // namespace dmsnap
