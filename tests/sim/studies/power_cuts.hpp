// SPDX-License-Identifier: GPL-2.0-only
/*
 * Power cuts of the prototype, in random orders of what goes on at once: three processes write,
 * flush and read; then the power fails at some I/O, the driver loads what is left, and
 *
 *   - the snapshot is valid, and shows what the origin held when it was made;
 *   - each sector of the origin holds what was flushed, or written with FUA, or a later write;
 *   - before, a read finds a write that had ended, or a later one.
 */
#pragma once

#include <cstdint>
#include <string>

#include "sim/studies/write_back.hpp"

namespace dmsnap::sim::studies {

/* What is wrong after one; empty: nothing. */
std::string cut_power(uint64_t seed, WriteBack::Defect defect);

} // namespace dmsnap::sim::studies
