// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operation: what brings pending runs into being and sees them through: a
 * copy-out for an origin write, or a write to a snapshot.  It ends, and goes,
 * when all its runs are settled or lost and nothing of it is in use.  Each run
 * holds its snapshot until that run has ended, however long the others take: a
 * snapshot can go while a copy of another one's hangs.
 *
 * Bios that need its chunks wait on it, and are examined again when it ends.  One that
 * needs some of its runs alone waits on one of those, for the device of another snapshot
 * must not hold it up.  They are never passed on unseen: what they need may have changed.
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
	/* One look at the clock for all its runs. */
	const uint64_t since_ns = dmsnap_port_now_ns();
	List<PendingRun, &PendingRun::operation_link> runs;
	/* That need all runs.  Origin's lock. */
	Ios waiters;
	/* Runs that are not settled, and what else keeps it.  Origin's lock, once it is begun. */
	unsigned int unfinished = 0;
};

/* Writes to the origin wait for it: one read there, a write to each snapshot. */
struct CopyOut : Operation {
	explicit CopyOut(OriginBase &on) : Operation(on, Kind::copy_out), job(*this) {}

	void start();
	MethodTask<CopyOut, &CopyOut::start> start_task{*this};
	/* The task was posted. */
	bool begun = false;
	/* A guess: no write needs it yet. */
	bool ahead = false;

	/* Of the origin writes it was made for, while it can still be added to. */
	uint64_t begin_sector = 0;
	uint64_t end_sector = 0;

	struct Job : CopyJob {
		explicit Job(CopyOut &of);
		CopyOut &copy_out;
		/* Has the source open; held until nothing more is read. */
		Snapshot *reader = nullptr;
	} job;
};

/*
 * A bio that writes chunks the snapshot does not have.  What it covers of them
 * goes straight to the COW device; what it does not cover of its first or last
 * chunk is copied there from the origin beside it, each sector once.
 */
struct SnapshotWrite : Operation {
	SnapshotWrite(OriginBase &on, Snapshot &of, SnapshotIo &io)
	    : Operation(on, Kind::snapshot_write), snapshot(of), writer(&io)
	{
	}

	/* The part of its chunks in front of the bio, or behind it. */
	struct EdgeFill : CopyJob {
		explicit EdgeFill(SnapshotWrite &of);
		struct Target : CopyTarget {
			explicit Target(EdgeFill &of);
			EdgeFill &fill;
		} target{*this};
		SnapshotWrite &write;
	};

	/* Sends the bio, and has the edges filled.  Process context, no lock held. */
	void start();
	void fill_edges();
	void bio_ended();
	void part_ended();

	Snapshot &snapshot;
	/* nullptr when it has been ended. */
	SnapshotIo *writer;
	PendingRun *run = nullptr;
	EdgeFill head{*this};
	EdgeFill tail{*this};
	/* Of bio, head and tail. */
	unsigned int parts_left = 1;
	/* Of one of them. */
	Atomic<int> error;
	MethodTask<SnapshotWrite, &SnapshotWrite::fill_edges> copy_task{*this};
	MethodTask<SnapshotWrite, &SnapshotWrite::bio_ended> bio_task{*this};
};

} // namespace dmsnap
