// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exhaustive: small workloads, each crashed at every single I/O, with every
 * set of the writes that may be lost then.  If there are more sets than
 * exhaustive_remains, that many random ones are tried.
 */
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "sim/plan.hpp"

namespace dmsnap::sim {

struct ExhaustiveResult {
	uint64_t crash_points = 0;
	uint64_t cycles = 0;
};

/* The workloads, by number; each has a name. */
unsigned int exhaustive_count();
const char *exhaustive_name(unsigned int workload);
Plan exhaustive_plan(unsigned int workload, uint64_t seed);

/* Ends the process if something is wrong; @at: called with the I/O before each crash. */
ExhaustiveResult run_exhaustively(const Plan &plan, unsigned int remains_max,
				  const std::function<void(uint64_t io)> &at);

} // namespace dmsnap::sim
