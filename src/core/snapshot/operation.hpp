// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operation: creates pending runs and completes them.  It is a copy-out for an origin write, or a
 * write to a snapshot.  It is freed when all its runs are settled or lost and none of its parts
 * is in use.  A run holds its snapshot only until that run has ended, however long the others
 * take: a snapshot can be removed while a copy to another snapshot hangs.
 *
 * A bio that needs its chunks waits on one of its runs, and is examined again when that run has
 * ended.  It never waits on the operation: the device of a snapshot that it does not need must not
 * delay it, nor may runs that are added later.
 */
#pragma once

#include "base/atomic.hpp"
#include "base/list.hpp"
#include "io/io.hpp"
#include "snapshot/pending_run.hpp"
#include "snapshot/snapshot_io.hpp"

namespace dmsnap {

class OriginBase;

struct Operation {
	enum class Kind : uint8_t { copy_out, snapshot_write };

	Operation(OriginBase &on, Kind what) : origin(on), kind(what) {}

	OriginBase &origin;
	Kind kind;
	/* The clock is read once for all its runs. */
	const uint64_t since_ns = dmsnap_port_now_ns();
	List<PendingRun, &PendingRun::operation_link> runs;
	/* Runs that have not ended, and other references. */
	unsigned int unfinished DMSNAP_GUARDED_BY(origin_lock) = 0;
};

/*
 * Copies chunks for writes to the origin: reads them once there, and writes them to each
 * snapshot.
 */
struct CopyOut : Operation {
	explicit CopyOut(OriginBase &on) : Operation(on, Kind::copy_out), job(*this) {}

	void start();
	MethodTask<CopyOut, &CopyOut::start> start_task{*this};
	/* start_task was posted. */
	bool begun DMSNAP_GUARDED_BY(origin_lock) = false;
	/* A copy ahead: no write needs it yet. */
	bool ahead = false;

	/* The range of the origin writes it was made for. */
	uint64_t begin_sector DMSNAP_GUARDED_BY(origin_lock) = 0;
	uint64_t end_sector DMSNAP_GUARDED_BY(origin_lock) = 0;
	/*
	 * In this generation (CopiedMap), which changes only under the lock, each snapshot had
	 * called the range safe, or has a run here for what it lacked of it; and no run was lost.
	 * So when all runs have settled, the range is safe for all of them.  If a write joins in a
	 * later generation, nothing is remembered: the map ignores earlier ones.
	 */
	bool complete DMSNAP_GUARDED_BY(origin_lock) = true;
	uint64_t generation DMSNAP_GUARDED_BY(origin_lock) = 0;

	struct Job : CopyJob {
		explicit Job(CopyOut &of);
		CopyOut &copy_out;
		/*
		 * The snapshot whose open origin device is the source; held until all reads are
		 * done.
		 */
		Snapshot *reader = nullptr;
	} job;
};

/*
 * A bio that writes chunks the snapshot does not have.  The bio's data goes straight to the COW
 * device.  What it does not cover of its first and last chunk is copied there from the origin at
 * the same time, so each sector is written once.
 */
struct SnapshotWrite : Operation {
	SnapshotWrite(OriginBase &on, Snapshot &of, SnapshotIo &io)
	    : Operation(on, Kind::snapshot_write), snapshot(of), writer(&io)
	{
	}

	/* The part of its chunks before the bio, or after it. */
	struct EdgeFill : CopyJob {
		explicit EdgeFill(SnapshotWrite &of);
		struct Destination : CopyDestination {
			explicit Destination(EdgeFill &of);
			EdgeFill &fill;
		} destination{*this};
		SnapshotWrite &write;
	};

	/* Submits the bio, and starts the edge fills.  Process context, no lock held. */
	void start();
	void fill_edges();
	void bio_ended();
	void part_ended();

	Snapshot &snapshot;
	/* nullptr once the bio has been ended. */
	SnapshotIo *writer;
	PendingRun *run = nullptr;
	EdgeFill head{*this};
	EdgeFill tail{*this};
	/* How many of bio, head and tail have not ended. */
	unsigned int parts_left = 1;
	/* An error of one of them. */
	Atomic<int> error;
	MethodTask<SnapshotWrite, &SnapshotWrite::fill_edges> copy_task{*this};
	MethodTask<SnapshotWrite, &SnapshotWrite::bio_ended> bio_task{*this};
};

} // namespace dmsnap
