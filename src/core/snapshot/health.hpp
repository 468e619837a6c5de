// SPDX-License-Identifier: GPL-2.0-only
/*
 * Health of a Snapshot, and how it is lost:
 *
 *   good ----fail()----> failing ----mark on disk----> invalid
 *                           ^
 *   unusable ---------------+  when the origin is about to be written
 *
 *   good      as created.
 *   unusable  created over a store that cannot be loaded.  All I/O fails, nothing is
 *             lost yet, and nothing was written: see UnusableStore.
 *   failing   the snapshot fails all I/O.  An origin write that would destroy a
 *             chunk the snapshot lacks waits: after a crash the store would still
 *             say "valid" and show the new data.
 *   invalid   the mark is durable (or cannot be written: then nothing better can
 *             be done).  The origin takes no more notice of the snapshot.
 */
#pragma once

#include <cstdint>

namespace dmsnap {

enum class Health : uint8_t { good, unusable, failing, invalid };

} // namespace dmsnap
