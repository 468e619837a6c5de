// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plans of the simulator: its steps, crashes among them, as the bytes choose them
 * (sim/plan.hpp).  It says itself what is wrong.
 *
 *   input: seed, trouble | steps of 3 bytes
 */
#include <malloc.h>

#include "sim/machine.hpp"

/* As in sim/main.cpp: a run gives back what it had, the next one wants it again. */
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
