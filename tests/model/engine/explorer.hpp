// SPDX-License-Identifier: GPL-2.0-only
/*
 * Explorer: runs a program over and over, each time with other decisions: which thread goes on,
 * and which of the allowed values a load returns.  Threads are fibers, so an execution is
 * determined by its decisions.  They are tried depth first, until none is left, or at random.
 *
 * A thread stops before each access to a location that several threads use.  Two accesses commute
 * unless they are to one location and at least one of them writes; of the executions that differ
 * only in the order of accesses that commute, one is run (sleep sets).
 *
 * A location counts as shared from the first execution in which two threads use it: the search
 * starts over then.
 */
#pragma once

#include <ucontext.h>

#include <array>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "model/engine/clock.hpp"

namespace dmsnap::model {

/* What a thread is about to do. */
struct Step {
	/* nullptr: it commutes with everything. */
	const void *address = nullptr;
	bool writes = true;
	/* If not null, the thread cannot go on unless this returns true. */
	bool (*ready)(const Step &step) = nullptr;
};

class Explorer {
public:
	struct Counts {
		uint64_t complete = 0;
		/* Ended early: another execution differs only in the order of what commutes. */
		uint64_t redundant = 0;
		/* The orders of seq_cst accesses that the values imply contradict each other. */
		uint64_t inconsistent = 0;
		/* A thread waited in a loop for longer than the bound. */
		uint64_t cut = 0;

		uint64_t all() const { return complete + redundant + inconsistent + cut; }
	};
	enum class End : uint8_t { complete, redundant, inconsistent, cut, restart, failed };

	using Body = void (*)(unsigned int thread);

	Explorer();
	Explorer(const Explorer &) = delete;
	Explorer &operator=(const Explorer &) = delete;
	~Explorer();

	/* Begins a search.  @seed: at random, without end; nullptr: all executions. */
	void begin_search(const uint32_t *seed);
	/*
	 * Runs @threads threads once.  The caller has reset everything else, and has set up the
	 * program.
	 */
	End run(unsigned int threads, Body body);
	/* Without it, run() repeats the execution.  Returns false if there is no other one. */
	bool next();

	/* For the threads: */

	/* The thread that runs; threads_max: none, the caller of run(). */
	unsigned int current() const { return current_; }
	/* Waits for its turn to do @step. */
	void reach(const Step &step);
	/* One of @options; 0 is tried first. */
	unsigned int choose(unsigned int options);
	/* Ends the execution. */
	[[noreturn]] void abandon(End end);

private:
	struct Decision {
		bool of_threads;
		/* Threads: those that can go on. */
		uint8_t enabled;
		/* Threads: those that need not be tried, the ones that were tried included. */
		uint8_t asleep;
		uint8_t chosen;
		/* Values. */
		uint8_t options;
	};
	struct Fiber {
		ucontext_t context;
		std::unique_ptr<char[]> stack;
		Step pending;
		bool finished;
	};

	static void enter();
	void schedule();
	unsigned int pick_thread(uint8_t enabled);
	void switch_to(unsigned int thread);
	void fall_asleep(unsigned int chosen, uint8_t asleep);

	std::array<Fiber, threads_max> fibers_;
	ucontext_t caller_;
	unsigned int threads_ = 0;
	unsigned int current_ = threads_max;
	Body body_ = nullptr;
	/* Threads run up to their first step, in turn. */
	bool starting_ = false;
	End end_ = End::complete;

	std::vector<Decision> trail_;
	size_t depth_ = 0;
	uint8_t asleep_ = 0;
	bool random_ = false;
	uint32_t seed_ = 0;
	std::mt19937 generator_;
};

} // namespace dmsnap::model
