// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handover: a snapshot gets the store of another one over the same COW device.
 * That is how a table is changed under a snapshot that is in use: the new table
 * is loaded, the old device is suspended, the new one is resumed.  It is also how
 * a merge begins: the new one is a snapshot-merge, in the place of the origin.
 *
 * The one that is active is the source, the one that never was the destination.
 * What may be done when is a table of states and events: handover.cpp.
 *
 * Locking: the Registry's mutex, except where said.
 */
#pragma once

#include <cstdint>
#include <expected>

namespace dmsnap {

class SnapshotTarget;

namespace handover {

enum class NewRole : uint8_t { independent, destination };

/* Said of a store that a merge cannot take exceptions from. */
constexpr const char *not_mergeable = "Snapshot exception store does not support snapshot-merge.";

/*
 * What a snapshot that is not yet among its origin's snapshots will be; if it
 * cannot be, a static string for the user (the errno is EINVAL).
 */
std::expected<NewRole, const char *> role_of_new(const SnapshotTarget &target);

/* See dmsnap_core_snapshot_preresume(); takes the mutex. */
int preresume(SnapshotTarget &target);

/* See dmsnap_core_snapshot_resume(); takes the mutex.  Sleeps. */
void resume(SnapshotTarget &target);

/* Whose store a destination is going to get; nullptr: it has gone. */
const SnapshotTarget *source_of(const SnapshotTarget &destination);

/* @target is about to be destroyed. */
void leaving(SnapshotTarget &target);

} // namespace handover

} // namespace dmsnap
