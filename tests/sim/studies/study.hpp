// SPDX-License-Identifier: GPL-2.0-only
/* The study of write-back copy-out (Documentation/decisions/0016-no-write-back-copy-out.md). */
#pragma once

#include <cstdint>

namespace dmsnap::sim::studies {

/*
 * Prints figures of about @writes writes each, and the results of @cuts power cuts.  Returns
 * false if something was wrong after a cut, or a seeded defect was not noticed.
 */
bool study_write_back(uint64_t writes, uint64_t cuts);

} // namespace dmsnap::sim::studies
