// SPDX-License-Identifier: GPL-2.0-only
/*
 * LeafChain: a list of leaves without inner nodes, used while a table is loaded.  LeafChainWriter
 * makes one from runs in ascending order.
 *
 * Context: process, may sleep.  Construction only.
 */
#pragma once

#include "base/error.hpp"
#include "exception/node.hpp"

namespace dmsnap::detail {

/* Owns the leaves. */
class LeafChain {
public:
	LeafChain() = default;
	LeafChain(LeafChain &&other);
	~LeafChain();

	Node *first() const { return first_; }
	/* Number of leaves. */
	size_t size() const { return size_; }

	void add_last(Node &leaf);
	/* Passes the leaves to the caller. */
	Node *release();

private:
	Node *first_ = nullptr;
	Node *last_ = nullptr;
	size_t size_ = 0;
};

/* Makes a chain from runs that come in ascending order. */
template <typename New, typename Sizes> class LeafChainWriter {
public:
	/* Slots of a leaf that are filled: the rest is left for later inserts. */
	static constexpr uint32_t fill =
		Leaf<New, Sizes>::capacity - Leaf<New, Sizes>::capacity / 16;

	LeafChainWriter() = default;
	LeafChainWriter(const LeafChainWriter &) = delete;
	LeafChainWriter &operator=(const LeafChainWriter &) = delete;
	~LeafChainWriter()
	{
		while (void *page = spare_) {
			spare_ = spare_->next;
			dmsnap_port_page_free(page);
		}
	}

	/*
	 * Appends @run, of up to base_stride chunks.
	 * Errors: no_memory.
	 */
	Status put(const Run &run);
	/* Takes ownership of @page, and makes a leaf of it when needed. */
	void add_page(void *page) { spare_ = new (page) SparePage{spare_}; }
	/* The last call. */
	LeafChain finish();

private:
	/* Rare, so kept out of the fast path. */
	[[gnu::noinline]] Status add_leaf(OldChunk begin);
	void end_leaf();

	LeafChain chain_;
	SparePage *spare_ = nullptr;
	/* The chain's last leaf, and how many of its slots are in use. */
	Leaf<New, Sizes> *leaf_ = nullptr;
	uint32_t slots_ = 0;
	uint64_t base_ = 0;
};

template <typename New, typename Sizes> LeafChain LeafChainWriter<New, Sizes>::finish()
{
	end_leaf();
	return std::move(chain_);
}

template <typename New, typename Sizes>
[[gnu::always_inline]] inline Status LeafChainWriter<New, Sizes>::put(const Run &run)
{
	if (!leaf_ || slots_ + slots_for(run) > fill ||
	    run.old_end().value - base_ > Leaf<New, Sizes>::reach)
		DMSNAP_CHECK(add_leaf(run.old_begin));

	/* Local copies: the compiler must assume that the stores change the members. */
	Leaf<New, Sizes> &leaf = *leaf_;
	const uint32_t slot = slots_;
	const uint64_t distance = run.old_begin.value - base_;
	leaf.keys[slot].store_relaxed(Key::first(distance).bits);
	leaf.news[slot].store_relaxed(static_cast<New>(run.new_begin.value));
	if (run.count > 1) {
		leaf.keys[slot + 1].store_relaxed(Key::end(distance + run.count - 1).bits);
		leaf.news[slot + 1].store_relaxed(static_cast<New>(run.new_end().value - 1));
	}
	slots_ = slot + slots_for(run);
	return {};
}

/* Starts a leaf for the chunks from @begin on. */
template <typename New, typename Sizes> Status LeafChainWriter<New, Sizes>::add_leaf(OldChunk begin)
{
	void *page = spare_;
	if (page)
		spare_ = spare_->next;
	else
		page = dmsnap_port_page_alloc(DMSNAP_ALLOC_CONSTRUCT);
	if (!page)
		return fail(Error::no_memory);
	end_leaf();
	leaf_ = new (page) Leaf<New, Sizes>();
	chain_.add_last(*leaf_);
	base_ = base_for<Sizes>(begin.value);
	leaf_->base.store_relaxed(base_);
	slots_ = 0;
	return {};
}

template <typename New, typename Sizes> void LeafChainWriter<New, Sizes>::end_leaf()
{
	if (leaf_)
		leaf_->count.store_relaxed(slots_);
}

} // namespace dmsnap::detail
