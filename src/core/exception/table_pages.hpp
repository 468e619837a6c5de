// SPDX-License-Identifier: GPL-2.0-only
/*
 * ExceptionTable: creation, destruction, and cached pages.  To be included only where the
 * template is instantiated.
 */
#pragma once

#include <new>

#include "base/assert.hpp"
#include "exception/exception_table.hpp"
#include "exception/node.hpp"

namespace dmsnap {

template <typename Sizes>
Result<Owned<BasicExceptionTable<Sizes>>> BasicExceptionTable<Sizes>::create(uint64_t new_limit)
{
	auto table = DMSNAP_TRY(make_owned<BasicExceptionTable>(new_limit));

	if (!table->add_spare(DMSNAP_ALLOC_CONSTRUCT))
		return fail(Error::no_memory);
	void *page = table->take_spare();
	table->root_.store_release(table->wide() ? static_cast<Node *>(new (page) Leaf<uint64_t>())
						 : new (page) Leaf<uint32_t>());
	table->nodes_[0] = 1;

	/* Allocates the pages to hold back. */
	if (!table->reserve(DMSNAP_ALLOC_CONSTRUCT))
		return fail(Error::no_memory);
	table->unreserve();
	if (table->spares_ < held_back)
		return fail(Error::no_memory);
	return table;
}

template <typename Sizes>
BasicExceptionTable<Sizes>::BasicExceptionTable(uint64_t new_limit) : new_limit_(new_limit)
{
}

template <typename Sizes> BasicExceptionTable<Sizes>::~BasicExceptionTable()
{
	DMSNAP_ASSERT(reservations_ == 0);
	Node *first = root_.load_relaxed();
	while (first) {
		Node *below = nullptr;
		if (first->level > 0)
			below = static_cast<Inner *>(first)->children[0].load_relaxed();
		while (first) {
			Node *next = first->next.load_relaxed();
			dmsnap_port_page_free(first);
			first = next;
		}
		first = below;
	}
	while (spares_ > 0)
		drop_spare();
}

template <typename Sizes> bool BasicExceptionTable<Sizes>::reserve(dmsnap_alloc_mode mode)
{
	const size_t needed = pages_for(reservations_ + 1);
	const size_t wanted = needed + held_back;
	while (spares_ < wanted && add_spare(mode)) {
	}
	if (spares_ < (reservations_ > 0 ? wanted : needed))
		return false;
	++reservations_;
	return true;
}

template <typename Sizes> void BasicExceptionTable<Sizes>::unreserve()
{
	DMSNAP_ASSERT(reservations_ > 0);
	--reservations_;
	trim_if_many();
}

/*
 * The most pages that @inserts inserts can take, each adding a leaf.  A full node can be split at
 * once, but each half then takes split_room children before it is full again.
 */
template <typename Sizes> size_t BasicExceptionTable<Sizes>::pages_for(size_t inserts) const
{
	size_t pages = inserts;
	size_t added = inserts;
	for (unsigned int level = 1; added > 0 && level < max_levels; ++level) {
		const size_t there = nodes_[level];
		if (there == 0)
			++pages;
		added = smaller(added, there + added / Inner::split_room);
		pages += added;
	}
	return pages;
}

template <typename Sizes> bool BasicExceptionTable<Sizes>::add_spare(dmsnap_alloc_mode mode)
{
	void *page = dmsnap_port_page_alloc(mode);
	if (!page)
		return false;
	spare_ = new (page) detail::SparePage{spare_};
	++spares_;
	pages_.store_relaxed(pages_.load_relaxed() + 1);
	return true;
}

template <typename Sizes> void *BasicExceptionTable<Sizes>::take_spare()
{
	void *page = spare_;
	spare_ = spare_->next;
	--spares_;
	return page;
}

template <typename Sizes> void BasicExceptionTable<Sizes>::drop_spare()
{
	dmsnap_port_page_free(take_spare());
	pages_.store_relaxed(pages_.load_relaxed() - 1);
}

template <typename Sizes> void BasicExceptionTable<Sizes>::trim()
{
	const size_t enough = pages_for(reservations_) + held_back;
	while (spares_ > enough)
		drop_spare();
}

template <typename Sizes> void BasicExceptionTable<Sizes>::trim_if_many()
{
	/* The first condition usually saves computing the second. */
	if (spares_ > kept && spares_ > pages_for(reservations_) + kept)
		trim();
}

} // namespace dmsnap
