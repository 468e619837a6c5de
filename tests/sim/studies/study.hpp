// SPDX-License-Identifier: GPL-2.0-only
/* The study of write-back copy-out (Documentation/decisions/0016-no-write-back-copy-out.md). */
#pragma once

#include <cstdint>

namespace dmsnap::sim::studies {

/*
 * Prints the figures, of about @writes writes for each, and what @cuts power cuts have left.
 * False: one has left something wrong, or seeded defects were not noticed.
 */
bool study_write_back(uint64_t writes, uint64_t cuts);

} // namespace dmsnap::sim::studies
