// SPDX-License-Identifier: GPL-2.0-only
/*
 * ExceptionTable: which chunks of the origin one snapshot has of its own, and
 * where on the COW device they lie.  Knows nothing of stores, copies or bios.
 * (exception/node.hpp draws the pages it is made of.)
 *
 * What the merge has retired is taken out again.  Pages stay in the tree, empty
 * ones too, until the table goes: see "Readers" below.
 */
#pragma once

#include <array>

#include <dmsnap/port/memory.h>

#include "base/atomic.hpp"
#include "base/chunk.hpp"
#include "base/error.hpp"
#include "base/own.hpp"
#include "exception/node_sizes.hpp"

namespace dmsnap {

/* What is known of a chunk of the origin, and of some after it. */
struct Mapping {
	/* In the snapshot: it has its own copy.  If not, it still reads as the origin. */
	bool mapped = false;
	/* Of the chunk asked for; the following ones come after it.  Only if mapped. */
	NewChunk new_begin;
	/*
	 * So many chunks, from the one asked for, are mapped alike; > 0.  A long run may be
	 * answered in pieces, and so may a stretch that is not mapped where some of it once
	 * was: ask again behind them.
	 */
	uint64_t count = 0;
};

namespace detail {
struct Node;
struct SparePage;
template <typename Sizes> struct Inner;
template <typename New, typename Sizes> struct Leaf;
} // namespace detail

/*
 * A B+ tree of pages, keyed by the origin's chunk.
 *
 * Locking: insert(), erase(), reserve() and unreserve() are serialised by the
 * caller, in the kernel by a spinlock with interrupts off.  find(), find_soon(),
 * chunks() and pages() need no lock.
 *
 * Readers: find() is optimistic.  A sequence number is odd while insert() or
 * erase() is at work; find() starts over when the number was odd or has changed.
 * For that, and for erase() alike,
 *
 *   insert():  sequence = odd  (relaxed)      find():  s = sequence  (acquire)
 *              release fence          [1]              load nodes    (relaxed)
 *              store nodes    (relaxed)                acquire fence     [2]
 *              sequence = even (release)  [3]          s == sequence? (relaxed)
 *
 * If find() loaded anything that insert() stored, fence [2] after that load and
 * fence [1] before that store order the second look at the number behind the
 * odd store: the look sees it, or something later, and find() starts over.  If
 * the first look sees the even number of [3], acquire and release order all of
 * that insert() before find()'s loads.  So a find() that starts after insert()
 * has returned (by a lock or a full fence) sees all of it, and none sees half.
 *
 * Until it finds out, find() walks over a tree that is being changed.  It ends
 * and touches only the table's memory because a page, once in the tree, stays a
 * node of its level until the table goes; pointers to nodes are stored with
 * release after the page was cleared, and loaded with acquire; numbers read
 * from a node are cut to the page before they are used as an index; and the
 * way down is no longer than the highest level.
 */
template <typename Sizes> class BasicExceptionTable {
public:
	/* An inserted run may be no longer than this. */
	static constexpr uint64_t run_limit = Sizes::reach / 2;

	/*
	 * No COW chunk number >= @new_limit will ever be inserted; up to 2^32 they
	 * take 4 bytes each, beyond that 8.
	 * Context: process, may sleep.
	 */
	static Result<Owned<BasicExceptionTable>> create(uint64_t new_limit);
	~BasicExceptionTable();
	BasicExceptionTable(const BasicExceptionTable &) = delete;
	BasicExceptionTable &operator=(const BasicExceptionTable &) = delete;

	/*
	 * Mapping of @chunk and of those behind it, as far as @max chunks (> 0).
	 * Context: any; takes no lock, waits for no more than an insert() at work.
	 */
	Mapping find(OldChunk chunk, uint64_t max) const;

	/*
	 * The same, but gives up, false, when a writer was at work each time it looked: where
	 * spinlocks are preemptible (PREEMPT_RT) the caller may have preempted that writer,
	 * which then goes on only when the caller waits for its lock.  Never gives up for
	 * somebody who holds that.
	 * Context: any; takes no lock.
	 */
	bool find_soon(OldChunk chunk, uint64_t max, Mapping &mapping) const;

	/*
	 * Gets the pages that one more insert() could need at worst.  False when
	 * memory is short, and nothing is reserved then.
	 *
	 * The table holds some pages back for a reservation made while no other is
	 * outstanding: that one succeeds although no page is to be had, for as long
	 * as they last.  Inserts one after another need a page in hundreds, so that is
	 * thousands; a pattern that finds every leaf full gets about held_back.
	 * Whenever there is memory again, reserve() fills them up.
	 * Context: as @mode says; DMSNAP_ALLOC_CONSTRUCT while loading only.
	 */
	bool reserve(dmsnap_alloc_mode mode);

	/* Gives one reservation back unused.  Context: any. */
	void unreserve();

	/*
	 * Frees the pages that no reservation needs and that are not held back.  As long
	 * as work goes on some are kept, for it will need them again.  Context: any.
	 */
	void trim();

	/*
	 * Adds a run of up to run_limit chunks, none of which is mapped yet, and uses
	 * up one reservation.  Joins it with the run before and the run behind it
	 * where both old and new numbers go on.
	 * Context: any.  Allocates nothing, cannot fail.
	 */
	void insert(const Run &run);

	/*
	 * Takes out @count chunks from @begin on, all of which are mapped, and uses up
	 * one reservation: a run of which the middle goes becomes two.
	 * Context: any.  Allocates nothing, cannot fail.
	 */
	void erase(OldChunk begin, uint64_t count);

	/* No COW chunk number from there on may be inserted.  Context: any. */
	NewChunk new_limit() const { return {new_limit_}; }

	/* Chunks mapped.  Context: any. */
	uint64_t chunks() const { return chunks_.load_relaxed(); }

	/* Memory in use, in pages of DMSNAP_PAGE_SIZE, reserved ones included.  Context: any. */
	size_t pages() const { return pages_.load_relaxed(); }

	/* See reserve(). */
	static constexpr size_t held_back = Sizes::held_back;

private:
	template <typename T, typename... Args> friend Result<Owned<T>> make_owned(Args &&...args);
	template <typename> friend class BasicTableLoader;
	/* Of the tests: looks whether the tree is in order. */
	template <typename> friend class TreeCheck;

	using Node = detail::Node;
	using Inner = detail::Inner<Sizes>;
	template <typename New> using Leaf = detail::Leaf<New, Sizes>;

	/* Pages beyond those needed that trim() is left to free: for 96 inserts at once. */
	static constexpr size_t kept = 4 * held_back;
	static constexpr unsigned int max_levels = Sizes::max_levels;
	/* Looks of find_soon(): some times what the longest change takes. */
	static constexpr unsigned int looks_max = 200;

	/* The way from the root down to a leaf. */
	struct Path {
		struct Step {
			Inner *node;
			uint32_t child;
		};
		/* By level: steps[1] is the leaf's parent. */
		std::array<Step, max_levels> steps;
		Node *leaf;
		/* Where the leaf's range of keys ends. */
		uint64_t limit;
	};

	/* What insert() changes in a leaf: slots [begin, end) become one run. */
	struct Change {
		Run run;
		uint32_t begin;
		uint32_t end;
	};

	explicit BasicExceptionTable(uint64_t new_limit);

	/* COW chunk numbers take 8 bytes. */
	bool wide() const { return new_limit_ > uint64_t{1} << 32; }

	template <typename New> bool try_find(uint64_t chunk, uint64_t max, Mapping &mapping) const;

	Path path_to(uint64_t chunk) const;
	void begin_change();
	void end_change();
	template <typename New> void insert_into_tree(const Run &run);
	template <typename New> void erase_from_tree(uint64_t begin, uint64_t end);
	template <typename New>
	static bool plan(const Path &path, const Leaf<New> &leaf, const Run &run, Change &change);
	template <typename New> static bool is_free_behind(const Path &path, uint64_t end);
	void raise_separators(const Path &path, uint64_t end);
	template <typename New>
	bool make_room(const Path &path, Leaf<New> &leaf, const Change &change);
	template <typename New> static bool balance(Inner &parent, uint32_t left_child);
	template <typename New>
	void split(const Path &path, Leaf<New> &leaf, uint32_t at, uint64_t separator);
	void add_child(const Path &path, uint64_t separator, Node &new_child);

	size_t pages_for(size_t inserts) const;
	bool add_spare(dmsnap_alloc_mode mode);
	void *take_spare();
	void drop_spare();
	void trim_if_many();

	uint64_t new_limit_;
	Atomic<uint32_t> sequence_;
	Atomic<Node *> root_;
	Atomic<uint64_t> chunks_;
	Atomic<size_t> pages_;

	/* The writers' own from here on. */
	size_t reservations_ = 0;
	/* Pages not in the tree. */
	detail::SparePage *spare_ = nullptr;
	size_t spares_ = 0;
	/* Nodes of the tree by level; the leaves are level 0. */
	std::array<size_t, max_levels> nodes_{};
};

extern template class BasicExceptionTable<PageSizes>;
using ExceptionTable = BasicExceptionTable<PageSizes>;

} // namespace dmsnap
