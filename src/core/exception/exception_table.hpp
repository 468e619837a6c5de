// SPDX-License-Identifier: GPL-2.0-only
/*
 * ExceptionTable: the chunks of the origin that one snapshot has its own copy of, and where they
 * are on the COW device.  It knows nothing of stores, copies or bios.  (exception/node.hpp shows
 * the layout of its pages.)
 *
 * A merge erases the chunks that it has merged.  Pages stay in the tree, even empty ones, until
 * the table is destroyed: see "Readers" below.
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

/* The answer of a lookup for a chunk of the origin, and for some after it. */
struct Mapping {
	/* The snapshot has its own copy.  Otherwise the chunk still reads as the origin. */
	bool mapped = false;
	/* COW chunk of the one looked up; the following chunks are contiguous.  Only if mapped. */
	NewChunk new_begin;
	/*
	 * Number of chunks, from the one looked up, that the answer holds for; > 0.  A long run
	 * may be reported in pieces, and so may an unmapped range where some of it once was
	 * mapped: look up again after them.
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
 * Locking: the caller serialises insert(), erase(), reserve() and unreserve(), in the kernel by a
 * spinlock with interrupts off. find(), find_soon(), chunks() and pages() need no lock.
 *
 * Readers: find() is optimistic.  A sequence number is odd during insert() and erase(); find()
 * starts over if the number was odd or has changed.  For that (erase() is like insert()),
 *
 *   insert():  sequence = odd  (relaxed)      find():  s = sequence  (seq_cst)
 *              release fence          [1]              load nodes    (relaxed)
 *              store nodes    (relaxed)                acquire fence     [2]
 *              sequence = even (release)  [3]          s == sequence? (relaxed)
 *
 * If find() loaded anything that insert() stored, fence [2] after that load and fence [1] before
 * that store order find()'s second load of the number after the odd store: it sees that or a
 * later value, and find() starts over.  If the first load sees the even number of [3], acquire
 * and release order all of that insert() before find()'s loads.  So a find() that starts after
 * insert() has returned (by a lock or a full fence) sees all of it, and no find() returns a
 * half-done change.
 *
 * The first load is seq_cst and not only acquire for a caller that made a seq_cst access before,
 * and must be seen if it misses the change (see Regions): C++ lets an acquire load pass that.
 *
 * Until it notices, find() walks a tree that is being changed.  It terminates and touches only
 * the table's memory for these reasons: a page, once in the tree, stays a node of its level until
 * the table is destroyed; pointers to nodes are stored with release after the page was cleared,
 * and loaded with acquire; counts read from a node are clamped to the page before they are used
 * as an index; and the descent takes no more steps than the highest level.
 */
template <typename Sizes> class BasicExceptionTable {
public:
	/* An inserted run may be no longer than this. */
	static constexpr uint64_t run_limit = Sizes::reach / 2;

	/*
	 * No COW chunk number >= @new_limit may ever be inserted.  With a limit of up to 2^32
	 * they take 4 bytes each, otherwise 8.
	 * Context: process, may sleep.
	 */
	static Result<Owned<BasicExceptionTable>> create(uint64_t new_limit);
	~BasicExceptionTable();
	BasicExceptionTable(const BasicExceptionTable &) = delete;
	BasicExceptionTable &operator=(const BasicExceptionTable &) = delete;

	/*
	 * Looks up @chunk and those after it, for up to @max chunks (> 0).
	 * Context: any; takes no lock, waits only for a change in progress.
	 */
	Mapping find(OldChunk chunk, uint64_t max) const;

	/*
	 * The same, but returns false if a change was in progress at each attempt.  Where
	 * spinlocks are preemptible (PREEMPT_RT), the caller may have preempted the writer, which
	 * then continues only when the caller waits for its lock.  Never fails for a caller that
	 * holds that lock.
	 * Context: any; takes no lock.
	 */
	bool find_soon(OldChunk chunk, uint64_t max, Mapping &mapping) const;

	/*
	 * Reserves the pages that one more insert() could need at worst.  Returns false, with
	 * nothing reserved, if memory is short.
	 *
	 * The table holds back some pages for a reservation made while no other is outstanding.
	 * That one succeeds without free memory, as long as the pages last.  Sequential inserts
	 * need one page in hundreds of inserts, so they last for thousands; a pattern that finds
	 * every leaf full gets about held_back inserts. reserve() refills them whenever there is
	 * memory again.
	 * Context: depends on @mode; DMSNAP_ALLOC_CONSTRUCT only while loading.
	 */
	bool reserve(dmsnap_alloc_mode mode);

	/* Returns one unused reservation.  Context: any. */
	void unreserve();

	/*
	 * Frees the pages that no reservation needs and that are not held back.  Without a call
	 * some are cached, as later inserts will need them.  Context: any.
	 */
	void trim();

	/*
	 * Adds a run of up to run_limit chunks, none of which is mapped yet, and uses up one
	 * reservation.  Joins it with the runs before and after it where both old and new numbers
	 * continue.
	 * Context: any.  Allocates nothing, cannot fail.
	 */
	void insert(const Run &run);

	/*
	 * Removes @count chunks from @begin on, all of which are mapped, and uses up one
	 * reservation: a run that loses its middle becomes two.
	 * Context: any.  Allocates nothing, cannot fail.
	 */
	void erase(OldChunk begin, uint64_t count);

	/* No COW chunk number from this one on may be inserted.  Context: any. */
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
	/* For the tests: checks the order of the tree. */
	template <typename> friend class TreeCheck;

	using Node = detail::Node;
	using Inner = detail::Inner<Sizes>;
	template <typename New> using Leaf = detail::Leaf<New, Sizes>;

	/* Cached pages beyond those needed; trim() frees them.  Enough for 96 inserts at once. */
	static constexpr size_t kept = 4 * held_back;
	static constexpr unsigned int max_levels = Sizes::max_levels;
	/* Attempts of find_soon(): several times what the longest change takes. */
	static constexpr unsigned int looks_max = 200;

	/* The path from the root down to a leaf. */
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

	/* A change that insert() makes to a leaf: slots [begin, end) become one run. */
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

	/* Used by writers only: */
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
