// SPDX-License-Identifier: GPL-2.0-only
/*
 * Power cuts of the prototype.  Three processes write, flush and read in a random order; the
 * power fails at some I/O, and the driver loads what is left.  Then
 *
 *   - the snapshot is valid, and shows what the origin held when it was made;
 *   - each sector of the origin holds its last durable write, or a later one;
 *   - each read before the cut found the last completed write, or a later one.
 */
#pragma once

#include <cstdint>
#include <string>

#include "sim/studies/write_back.hpp"

namespace dmsnap::sim::studies {

/* Runs one cut.  Returns what is wrong after it; empty if nothing is. */
std::string cut_power(uint64_t seed, WriteBack::Defect defect);

} // namespace dmsnap::sim::studies
