// SPDX-License-Identifier: GPL-2.0-only
/*
 * TableLoader: builds leaves from exceptions in any order, and the levels above them.  To be
 * included only where the template is instantiated.
 */
#pragma once

#include "exception/node.hpp"
#include "exception/table_loader.hpp"

namespace dmsnap {

template <typename Sizes> constexpr size_t BasicTableLoader<Sizes>::nodes_above(size_t nodes)
{
	return (nodes + inner_fill - 1) / inner_fill;
}

/* The first chunk below @node. */
template <typename Sizes>
template <typename New>
uint64_t BasicTableLoader<Sizes>::first_chunk(const Node &node)
{
	if (node.level == 0)
		return chunk_of(static_cast<const detail::Leaf<New, Sizes> &>(node), 0);
	return static_cast<const Inner &>(node).separators[0].load_relaxed();
}

template <typename Sizes>
BasicTableLoader<Sizes>::BasicTableLoader(Table &table, uint64_t old_limit)
    : table_(table), old_limit_(old_limit),
      are_short_(!table.wide() && old_limit <= ShortEntry::limit)
{
}

template <typename Sizes> Status BasicTableLoader<Sizes>::finish()
{
	if (are_short_)
		return build_levels<uint32_t>(DMSNAP_TRY(make_leaves<uint32_t>(short_)));
	if (!table_.wide())
		return build_levels<uint32_t>(DMSNAP_TRY(make_leaves<uint32_t>(long_)));
	return build_levels<uint64_t>(DMSNAP_TRY(make_leaves<uint64_t>(long_)));
}

/* Frees the entries as it goes. */
template <typename Sizes>
template <typename New, typename Entry>
Result<detail::LeafChain> BasicTableLoader<Sizes>::make_leaves(PagedArray<Entry> &entries)
{
	DMSNAP_CHECK(sort_by_old_chunk(entries, old_limit_));

	detail::LeafChainWriter<New, Sizes> writer;
	Run run;
	for (size_t page = 0; page < entries.pages(); page++) {
		for (const Entry &entry : entries.page(page)) {
			const OldChunk old_chunk = entry.old_chunk();
			const NewChunk new_chunk = entry.new_chunk();
			if (old_chunk == run.old_end() && new_chunk == run.new_end() &&
			    run.count < Table::run_limit) {
				run.count++;
				continue;
			}
			if (run.count > 0) {
				if (old_chunk < run.old_end()) {
					duplicate_ = {old_chunk, new_chunk, 1};
					return fail(Error::old_chunk_duplicate);
				}
				DMSNAP_CHECK(writer.put(run));
			}
			run = {old_chunk, new_chunk, 1};
		}
		writer.add_page(entries.take_page(page));
	}
	if (run.count > 0)
		DMSNAP_CHECK(writer.put(run));
	return writer.finish();
}

template <typename Sizes>
template <typename New>
Status BasicTableLoader<Sizes>::build_levels(detail::LeafChain leaves)
{
	if (leaves.size() == 0)
		return {};
	size_t pages = 0;
	for (size_t nodes = leaves.size(); nodes > 1; nodes = nodes_above(nodes))
		pages += nodes_above(nodes);
	while (table_.spares_ < pages + Table::held_back) {
		if (!table_.add_spare(DMSNAP_ALLOC_CONSTRUCT))
			return fail(Error::no_memory);
	}

	dmsnap_port_page_free(table_.root_.load_relaxed());
	table_.nodes_[0] = leaves.size();
	table_.pages_.store_relaxed(table_.pages_.load_relaxed() + leaves.size() - 1);
	table_.chunks_.store_relaxed(short_.size() + long_.size());

	Node *first = leaves.release();
	while (first->next.load_relaxed())
		first = build_level<New>(*first);
	table_.root_.store_release(first);
	return {};
}

/* Builds the nodes above @first and those to its right; returns the first of them. */
template <typename Sizes>
template <typename New>
detail::Node *BasicTableLoader<Sizes>::build_level(Node &first)
{
	const uint32_t level = first.level + 1;
	Node *first_above = nullptr;
	Inner *above = nullptr;
	uint32_t count = 0;

	for (Node *node = &first; node; node = node->next.load_relaxed()) {
		if (!above || count == inner_fill) {
			Inner *added = new (table_.take_spare()) Inner(level);
			table_.nodes_[level]++;
			if (above)
				above->next.store_relaxed(added);
			else
				first_above = added;
			above = added;
			count = 0;
		}
		above->separators[count].store_relaxed(first_chunk<New>(*node));
		above->children[count].store_relaxed(node);
		above->count.store_relaxed(++count);
	}
	return first_above;
}

} // namespace dmsnap
