// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sweep: runs each plan in its own process.  A plan that fails, crashes or hangs does not
 * affect the others, and its seed is known.
 */
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "sim/plan.hpp"

namespace dmsnap::sim {

struct Verdict {
	bool failed = false;
	/* The output of a failed plan. */
	std::string output;
};

/* Runs in this process, which exits with code 1 and a message if something is wrong. */
uint64_t run_here(const Plan &plan, bool trace);

/* Runs it in a child. */
Verdict run_apart(const Plan &plan);
/* The same for any function; failures go to report_failure(). */
Verdict run_apart(const std::function<void()> &body);

struct SweepLimits {
	uint64_t first_seed = 0;
	/* Bits of enum Trouble, added to those of each seed. */
	unsigned int trouble = 0;
	/* The sweep ends at the first limit that is reached; 0: no such limit. */
	uint64_t runs = 0;
	uint64_t cycles = 0;
	uint64_t seconds = 0;
	unsigned int jobs = 1;
};

struct SweepResult {
	uint64_t runs = 0;
	uint64_t cycles = 0;
	double seconds = 0;
	/* Seeds from first_seed up to this one have run. */
	uint64_t last_seed = 0;
	bool failed = false;
	uint64_t failed_seed = 0;
	std::string output;
};

/* @progress is called periodically with the results so far. */
SweepResult sweep(const SweepLimits &limits,
		  const std::function<void(const SweepResult &)> &progress);

/* The smallest failing subset of the plan's steps.  Calls @progress periodically. */
Plan shrink(const Plan &plan, const std::function<void()> &progress);

} // namespace dmsnap::sim
