// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plans of the simulator: the input chooses the steps, including crashes (sim/plan.hpp).  The
 * simulator reports what is wrong.
 *
 *   input: seed, trouble in 3 bytes | steps of 3 bytes
 */
#include <malloc.h>

#include "sim/machine.hpp"

/* As in sim/main.cpp: the next run needs the memory that a run frees. */
extern "C" int LLVMFuzzerInitialize(int *, char ***)
{
	mallopt(M_TRIM_THRESHOLD, 256 << 20);
	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	using namespace dmsnap::sim;
	Machine machine(plan_of({data, bytes}), {});
	machine.run();
	return 0;
}
