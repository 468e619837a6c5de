// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exception tables with small nodes: a few dozen chunks make a tree of several levels.
 * TreeCheck reports what is wrong in the tree of a table.
 */
#pragma once

#include <array>
#include <string>

#include "exception/exception_table.hpp"
#include "exception/table_loader.hpp"

namespace dmsnap {
namespace test {

template <uint32_t Slots, uint32_t Children, uint64_t Reach, unsigned int Levels>
struct SmallSizes {
	template <typename New> static constexpr uint32_t slots = Slots;
	static constexpr uint32_t stretch = 4;
	static constexpr uint32_t children = Children;
	static constexpr uint64_t reach = Reach;
	static constexpr unsigned int max_levels = Levels;
	/* A new level takes two nodes if each half of a node is full with one more child. */
	static constexpr size_t held_back = 2 * Levels;
};

constexpr uint64_t page_reach = PageSizes::reach;
/* The smallest sizes that work. */
using Smallest = SmallSizes<5, 4, page_reach, 9>;
/* Leaves that can be rebalanced. */
using Even = SmallSizes<9, 4, page_reach, 9>;
/* Leaves with a short key range. */
using Short = SmallSizes<6, 5, 16, 9>;

} // namespace test

/* The table must not change during the check. */
template <typename Sizes> class TreeCheck {
public:
	explicit TreeCheck(const BasicExceptionTable<Sizes> &table) : table_(table) {}

	/* What is wrong with the tree; empty if nothing is. */
	std::string run();
	/* Levels of inner nodes. */
	unsigned int inner_levels() const;

private:
	using Node = detail::Node;

	template <typename New> void look_at(const Node &node, uint64_t begin, uint64_t end);
	template <typename New> void look_at_slots(const Node &node, uint64_t begin, uint64_t end);
	void expect(bool right, const char *what, uint64_t number);

	const BasicExceptionTable<Sizes> &table_;
	std::string wrong_;
	uint64_t chunks_ = 0;
	/* By level. */
	std::array<const Node *, Sizes::max_levels> last_{};
	std::array<size_t, Sizes::max_levels> nodes_{};
};

#define DMSNAP_SMALL_TABLE(sizes)                                                                  \
	extern template class BasicExceptionTable<sizes>;                                          \
	extern template class BasicTableLoader<sizes>;                                             \
	extern template class TreeCheck<sizes>;
DMSNAP_SMALL_TABLE(test::Smallest)
DMSNAP_SMALL_TABLE(test::Even)
DMSNAP_SMALL_TABLE(test::Short)
#undef DMSNAP_SMALL_TABLE
extern template class TreeCheck<PageSizes>;

} // namespace dmsnap
