// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handover: a snapshot takes over the store of another one over the same COW device.  That is how
 * the table of a snapshot in use is changed: the new table is loaded, the old device is
 * suspended, the new one is resumed.  It is also how a merge begins: the new target is a
 * snapshot-merge, in place of the origin.
 *
 * The snapshot that is active is the source, and the one that never was is the destination.  A
 * table of states and events in handover.cpp says what is allowed when.
 */
#pragma once

#include <cstdint>
#include <expected>

#include "target/registry.hpp"

namespace dmsnap {

namespace handover {

enum class NewRole : uint8_t { independent, destination };

/* The error for a store that a merge cannot take exceptions from. */
constexpr const char *not_mergeable = "Snapshot exception store does not support snapshot-merge.";

/*
 * The role of a snapshot that is about to join its origin's snapshots.  If it must be refused, a
 * static string for the user (the errno is EINVAL).
 */
std::expected<NewRole, const char *> role_of_new(const SnapshotTarget &target)
	DMSNAP_MUST_HOLD(registry().mutex());

/* See dmsnap_core_snapshot_preresume(); takes the Registry's mutex. */
int preresume(SnapshotTarget &target);

/* See dmsnap_core_snapshot_resume(); takes the Registry's mutex.  Sleeps. */
void resume(SnapshotTarget &target);

/* The target whose store @destination will take over; nullptr: it has gone. */
const SnapshotTarget *source_of(const SnapshotTarget &destination)
	DMSNAP_MUST_HOLD(registry().mutex());

/* @target is about to be destroyed. */
void leaving(SnapshotTarget &target);

} // namespace handover

} // namespace dmsnap
