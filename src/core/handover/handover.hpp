// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handover: a snapshot gets the store of another one over the same COW device.
 * That is how a table is changed under a snapshot that is in use: the new table
 * is loaded, the old device is suspended, the new one is resumed.
 *
 * The one that is active is the source, the one that never was the destination.
 *
 *   event, and for whom              | no other | source, not | source,    |
 *                                    |          | suspended   | suspended  |
 *   ---------------------------------+----------+-------------+------------|
 *   constructor                      | own      | becomes destination      |
 *   preresume of the destination     | yes      | -EINVAL     | yes        |
 *   preresume of the source          | yes      | -EINVAL     | -EINVAL    |
 *   resume of the destination        | activate | (not asked) | take over  |
 *   destructor of the source         | -        | the destination is invalid|
 *   destructor of the destination    | -        | nothing     | nothing    |
 *
 * A third snapshot on one COW device is refused, and a second one while the
 * first has never been active.
 *
 * Take over: the source is suspended and has no bio in flight, but origin writes
 * still make it copy out.  They are stopped (Origin::freeze()), what is pending
 * is waited for, then table and store change hands, and the writes go on to find
 * the destination.  Nothing is written to the COW device on the way, so a crash
 * at any point finds the store of before, or after: it is the same.
 *
 * Locking: the Registry's mutex, except where said.
 */
#pragma once

#include <cstdint>

namespace dmsnap {

class Snapshot;

namespace handover {

enum class NewRole : uint8_t { independent, destination, refused };

/* What a snapshot that is not yet among its origin's snapshots will be. */
NewRole role_of_new(const Snapshot &snapshot);

/* See dmsnap_core_snapshot_preresume(); takes the mutex. */
int preresume(Snapshot &snapshot);

/* See dmsnap_core_snapshot_resume(); takes the mutex.  Sleeps. */
void resume(Snapshot &snapshot);

/* @snapshot is about to be destroyed. */
void leaving(Snapshot &snapshot);

} // namespace handover

} // namespace dmsnap
