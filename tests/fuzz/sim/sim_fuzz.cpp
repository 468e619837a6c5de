// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plans of the simulator: its steps, crashes among them, as the bytes choose them
 * (sim/plan.hpp).  It says itself what is wrong.
 *
 *   input: seed, trouble | steps of 3 bytes
 */
#include "sim/machine.hpp"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	using namespace dmsnap::sim;
	Machine machine(plan_of({data, bytes}), {});
	machine.run();
	return 0;
}
