// SPDX-License-Identifier: GPL-2.0-only
/* Runtime: the state of the execution under way, and of the search that it is part of. */
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/engine/arena.hpp"
#include "model/engine/explorer.hpp"
#include "model/engine/history.hpp"
#include "model/engine/model.hpp"
#include "model/engine/total_order.hpp"

namespace dmsnap::model {

struct Runtime {
	struct Location {
		History history;
		const void *address;
		/* The construction: an access that it does not precede is a data race. */
		unsigned int creator;
		uint32_t created;
	};
	struct Thread {
		Clock clock;
		/* What an acquire fence makes happen before: loads without acquire have read it. */
		Clock to_acquire;
		/* What a later relaxed store releases: the last release fence. */
		Clock fenced;
		unsigned int relaxes;
		unsigned int rcu_sections;
		/* A grace period: the threads that it waits for, and what it will have seen. */
		uint8_t waits_for;
		Clock waited;
	};
	struct Plain {
		unsigned int writer = threads_max;
		uint32_t written = 0;
		Clock read;
	};
	struct Lock {
		const void *address;
		bool held;
		Clock released;
	};

	Runtime();

	/* Forgets which locations are shared. */
	void begin_search(const uint32_t *seed);
	void begin_execution();

	Thread &self() { return threads[explorer.current()]; }
	/* No thread runs, or all others have ended. */
	bool alone() const { return settled || explorer.current() == threads_max; }
	/* Begins an event of the current thread; returns its index. */
	uint32_t begin_event() { return ++self().clock.at[explorer.current()]; }
	/*
	 * Do several threads use it?  Notices if so from now on, and that it was freed.
	 */
	bool is_shared(const void *address);
	Location &location_of(Cell cell);
	/* Begins its history, with the value in memory. */
	Location &construct(Cell cell);
	size_t locations() const { return used_; }
	Location &location(size_t i) { return *pool_[i]; }
	/* The current thread is about to use it. */
	Location &reach(Cell cell, bool writes);
	void add_event(Location &location, const Event &event, Order order, const Clock &before);
	void full_fence();
	/* Ends the execution if no total order of its seq_cst accesses exists. */
	void check_order();
	Lock &lock_of(const void *address);

	Arena arena;
	Explorer explorer;
	std::array<Thread, threads_max> threads;
	std::unordered_map<const void *, Plain> plains;
	/* The grace periods that have begun. */
	Clock rcu_begun;
	/* The read sections that have ended. */
	Clock rcu_ended;
	/* All threads have ended. */
	bool settled = false;
	/* Prints each access. */
	bool traces = false;
	/* How often a thread may call relax() in one execution. */
	unsigned int relaxes_max = 0;
	std::string failure;
	uint64_t outcome = 0;

private:
	std::vector<bool> shared_;
	/* By offset in the arena: the execution and the thread that used it last. */
	std::vector<uint64_t> owner_;
	uint64_t execution_ = 0;
	std::unordered_map<const void *, size_t> locations_;
	/* Only the first used_ are in use; the others keep their memory for later. */
	std::vector<std::unique_ptr<Location>> pool_;
	size_t used_ = 0;
	std::vector<History *> histories_;
	TotalOrder order_;
	std::vector<Lock> locks_;
};

Runtime &runtime();

void trace(const char *what, const void *address, uint64_t value, const char *remark,
	   const Site &site);

} // namespace dmsnap::model
