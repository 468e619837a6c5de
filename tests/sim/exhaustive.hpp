// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exhaustive: small workloads.  Each is crashed at every single I/O, and each crash is tried
 * with every set of the writes that may be lost.  If there are more than @remains_max sets,
 * that many random ones are tried.
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

/* Workloads are numbered from 0. */
unsigned int exhaustive_count();
const char *exhaustive_name(unsigned int workload);
Plan exhaustive_plan(unsigned int workload, uint64_t seed);

/* Ends the process if something is wrong.  @at is called before each crash with its I/O. */
ExhaustiveResult run_exhaustively(const Plan &plan, unsigned int remains_max,
				  const std::function<void(uint64_t io)> &at);

} // namespace dmsnap::sim
