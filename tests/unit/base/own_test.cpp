// SPDX-License-Identifier: GPL-2.0-only
#include "base/own.hpp"

#include <utility>

#include <gtest/gtest.h>

#include "user/memory.hpp"

namespace dmsnap {
namespace {

using user::Memory;

/* Counts its instances, and detects late or double frees. */
struct Tracked {
	explicit Tracked(int tracked_value) : value(tracked_value) { ++alive; }
	~Tracked() { --alive; }
	Tracked(const Tracked &) = delete;
	Tracked &operator=(const Tracked &) = delete;

	int value;
	static inline int alive = 0;
};

class Own : public testing::Test {
protected:
	~Own() override
	{
		Memory::instance().fail_nothing();
		EXPECT_EQ(Tracked::alive, 0);
		EXPECT_EQ(Memory::instance().outstanding(), outstanding_);
	}

private:
	size_t outstanding_ = Memory::instance().outstanding();
};

TEST_F(Own, object_goes_with_its_owner)
{
	{
		auto owned = make_owned<Tracked>(7);
		ASSERT_TRUE(owned);
		EXPECT_EQ((*owned)->value, 7);
		EXPECT_EQ(Tracked::alive, 1);
	}
	EXPECT_EQ(Tracked::alive, 0);
}

TEST_F(Own, moving_passes_the_object_on)
{
	Owned<Tracked> first = *make_owned<Tracked>(1);
	Owned<Tracked> second = std::move(first);
	EXPECT_FALSE(first);
	EXPECT_EQ(second->value, 1);
	second = *make_owned<Tracked>(2);
	EXPECT_EQ(Tracked::alive, 1);
	EXPECT_EQ(second->value, 2);
	Owned<Tracked> &alias = second;
	second = std::move(alias);
	EXPECT_TRUE(second);
}

TEST_F(Own, released_object_lives_until_adopted_again)
{
	Tracked *object = nullptr;
	{
		Owned<Tracked> owned = *make_owned<Tracked>(3);
		object = owned.release();
	}
	EXPECT_EQ(Tracked::alive, 1);
	Owned<Tracked> adopted(object);
	EXPECT_EQ(adopted->value, 3);
}

TEST_F(Own, no_memory_is_an_error)
{
	Memory::instance().fail_construct_at(0);
	const auto owned = make_owned<Tracked>(1);
	ASSERT_FALSE(owned);
	EXPECT_EQ(owned.error(), Error::no_memory);

	Memory::instance().fail_construct_at(0);
	EXPECT_FALSE(OwnedArray<int>::create(10));

	Memory::instance().fail_construct_at(0);
	EXPECT_FALSE(Pool<Tracked>::create("tracked", 1));
}

TEST_F(Own, array_is_zeroed_and_moves_whole)
{
	OwnedArray<int> array = *OwnedArray<int>::create(100);
	ASSERT_EQ(array.size(), 100u);
	for (size_t i = 0; i < array.size(); ++i)
		EXPECT_EQ(array[i], 0);
	array[99] = 5;
	OwnedArray<int> other = *OwnedArray<int>::create(3);
	other = std::move(array);
	EXPECT_EQ(other.size(), 100u);
	EXPECT_EQ(other[99], 5);
	EXPECT_EQ(array.data(), nullptr);
	EXPECT_EQ(array.size(), 0u);
}

TEST_F(Own, pool_gives_its_reserve_when_memory_is_short)
{
	Pool<Tracked> pool = *Pool<Tracked>::create("tracked", 2);
	Memory::instance().fail_nowait_from(0);
	Tracked *first = pool.get(1);
	Tracked *second = pool.get(2);
	ASSERT_NE(first, nullptr);
	ASSERT_NE(second, nullptr);
	EXPECT_EQ(pool.get(3), nullptr);
	EXPECT_EQ(Tracked::alive, 2);
	pool.put(first);
	Tracked *third = pool.get(3);
	ASSERT_NE(third, nullptr);
	EXPECT_EQ(third->value, 3);
	pool.put(second);
	pool.put(third);
}

#ifndef __SANITIZE_ADDRESS__
TEST_F(Own, pool_keeps_as_many_as_it_may_until_it_is_trimmed)
{
	Memory &memory = Memory::instance();
	size_t before = memory.outstanding();
	Pool<Tracked> pool = *Pool<Tracked>::create("tracked", 1, 2);
	size_t empty = memory.outstanding();
	Tracked *objects[3];
	for (int i = 0; i < 3; i++)
		objects[i] = pool.get(i);
	for (Tracked *object : objects)
		pool.put(object);
	EXPECT_EQ(Tracked::alive, 0);
	EXPECT_EQ(memory.outstanding(), empty + 2);

	/* A kept object is used first.  It is newly constructed and needs no memory. */
	memory.fail_nowait_from(0);
	for (int i = 0; i < 2; i++) {
		objects[i] = pool.get(10 + i);
		ASSERT_NE(objects[i], nullptr);
		EXPECT_EQ(objects[i]->value, 10 + i);
	}
	EXPECT_EQ(memory.outstanding(), empty + 2);
	for (int i = 0; i < 2; i++)
		pool.put(objects[i]);
	pool.trim();
	EXPECT_EQ(memory.outstanding(), empty);

	pool.put(pool.get(1));
	Pool<Tracked> moved = std::move(pool);
	EXPECT_EQ(memory.outstanding(), empty + 1);
	moved = {};
	EXPECT_EQ(memory.outstanding(), before);
}
#endif

} // namespace
} // namespace dmsnap
