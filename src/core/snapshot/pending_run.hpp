// SPDX-License-Identifier: GPL-2.0-only
/*
 * PendingRun: chunks on their way into a snapshot.
 *
 *   being written -> recorded by the store -> visible -> settled    copy-out
 *   being written -> visible -> recorded by the store -> settled    snapshot write
 *
 * Visible: in the exception table.  Settled: recorded durably, and no read of these chunks
 * through the snapshot is under way to the origin.  From then on the origin may be overwritten.
 * Until then the run is in the snapshot's tree of pending runs, where everything that wants to
 * write these chunks finds it.
 */
#pragma once

#include "base/ordered_tree.hpp"
#include "copier/copy_job.hpp"
#include "io/io.hpp"
#include "io/regions.hpp"
#include "store/exception_store.hpp"

namespace dmsnap {

class Snapshot;
struct Operation;

struct PendingRun : CommitEntry {
	PendingRun(Snapshot &of, Operation &by, const Run &chunks);

	OldChunk old_end() const { return run.old_end(); }
	/* Its first sector on the origin, and the sector after its last chunk. */
	uint64_t begin_sector() const;
	uint64_t end_sector() const;
	/* Does it overlap the sectors [@begin, @end)? */
	bool covers(uint64_t begin, uint64_t end) const
	{
		return begin_sector() < end && begin < end_sector();
	}

	Snapshot &snapshot;
	Operation &operation;
	bool visible = false;
	/* Settled or lost: the snapshot may be gone. */
	bool ended DMSNAP_GUARDED_BY(origin_lock) = false;
	/* Counts against the snapshot's limit of chunks in flight. */
	bool copying DMSNAP_GUARDED_BY(origin_lock) = false;
	/* When its operation was created; later, when the run was recorded. */
	uint64_t since_ns;

	/* For copy-outs; a snapshot write has destinations of its own. */
	struct Destination : CopyDestination {
		explicit Destination(PendingRun &of);
		PendingRun &run;
	} destination{*this};

	void settled();
	MethodTask<PendingRun, &PendingRun::settled> settled_task{*this};
	Regions::Waiter readers{settled_task};

	/* Bios that are examined again when the run has ended. */
	Ios waiters DMSNAP_GUARDED_BY(origin_lock);

	TreeHook tree_link;
	ListHook operation_link;
};

inline uint64_t key_of_pending_run(const PendingRun &pending)
{
	return pending.run.old_begin.value;
}

using PendingRuns = OrderedTree<PendingRun, &PendingRun::tree_link, key_of_pending_run>;

} // namespace dmsnap
