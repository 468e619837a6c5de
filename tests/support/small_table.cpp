// SPDX-License-Identifier: GPL-2.0-only
#include "support/small_table.hpp"

#include "exception/table_change.hpp"
#include "exception/table_levels.hpp"
#include "exception/table_pages.hpp"
#include "exception/table_search.hpp"

namespace dmsnap {

template <typename Sizes> std::string TreeCheck<Sizes>::run()
{
	const Node &root = *table_.root_.load_relaxed();

	if (table_.wide())
		look_at<uint64_t>(root, 0, UINT64_MAX);
	else
		look_at<uint32_t>(root, 0, UINT64_MAX);
	size_t nodes = 0;
	for (unsigned int level = 0; level < Sizes::max_levels; level++) {
		expect(!last_[level] || !last_[level]->next.load_relaxed(), "not the last of level",
		       level);
		expect(nodes_[level] == table_.nodes_[level], "nodes counted on level", level);
		nodes += nodes_[level];
	}
	expect(nodes + table_.spares_ == table_.pages(), "pages counted", table_.pages());
	expect(chunks_ == table_.chunks(), "chunks counted", table_.chunks());
	return wrong_;
}

template <typename Sizes> unsigned int TreeCheck<Sizes>::inner_levels() const
{
	return table_.root_.load_relaxed()->level;
}

/* Everything below @node must be in [@begin, @end). */
template <typename Sizes>
template <typename New>
void TreeCheck<Sizes>::look_at(const Node &node, uint64_t begin, uint64_t end)
{
	const Node *&last = last_[node.level];
	expect(!last || last->next.load_relaxed() == &node, "not in the chain, on level",
	       node.level);
	last = &node;
	nodes_[node.level]++;
	if (node.level == 0) {
		look_at_slots<New>(node, begin, end);
		return;
	}

	const auto &inner = static_cast<const detail::Inner<Sizes> &>(node);
	const uint32_t count = inner.count.load_relaxed();
	expect(count > 0 && count <= inner.capacity, "children", count);
	for (uint32_t i = 0; i < count && wrong_.empty(); i++) {
		const uint64_t child_end = i + 1 < count ? inner.separators[i + 1].load_relaxed()
							 : end;
		const Node &child = *inner.children[i].load_relaxed();
		expect(begin <= child_end && child_end <= end, "separator out of order", child_end);
		expect(child.level + 1 == node.level, "child of level", child.level);
		if (wrong_.empty())
			look_at<New>(child, begin, child_end);
		begin = child_end;
	}
}

template <typename Sizes>
template <typename New>
void TreeCheck<Sizes>::look_at_slots(const Node &node, uint64_t begin, uint64_t end)
{
	const auto &leaf = static_cast<const detail::Leaf<New, Sizes> &>(node);
	const uint32_t count = leaf.count.load_relaxed();
	bool ends_run = true;

	expect(count <= leaf.capacity, "slots", count);
	for (uint32_t i = 0; i < count && wrong_.empty(); i++) {
		const detail::Key key = key_of(leaf, i);
		const uint64_t chunk = chunk_of(leaf, i);
		expect(begin <= chunk && chunk < end, "chunk out of order", chunk);
		expect(key.distance() < leaf.reach, "chunk beyond its leaf's reach", chunk);
		expect(!key.is_end() || !ends_run, "end of no run", chunk);
		/* A run maps all chunks in between. */
		chunks_ += key.is_end() ? chunk + 1 - begin : 1;
		begin = chunk + 1;
		ends_run = key.is_end() || i + 1 == count || !key_of(leaf, i + 1).is_end();
	}
}

template <typename Sizes>
void TreeCheck<Sizes>::expect(bool right, const char *what, uint64_t number)
{
	if (!right && wrong_.empty())
		wrong_ = what + (" " + std::to_string(number));
}

#define DMSNAP_SMALL_TABLE(sizes)                                                                  \
	template class BasicExceptionTable<sizes>;                                                 \
	template class BasicTableLoader<sizes>;                                                    \
	template class TreeCheck<sizes>;
DMSNAP_SMALL_TABLE(test::Smallest)
DMSNAP_SMALL_TABLE(test::Even)
DMSNAP_SMALL_TABLE(test::Short)
template class TreeCheck<PageSizes>;

} // namespace dmsnap
