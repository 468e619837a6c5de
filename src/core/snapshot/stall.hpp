// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stall: writes that need a chunk of a full COW device wait here until the device is extended.
 * Without a stall they would invalidate the snapshot.  Stalling is enabled with a message, in the
 * table line, or for all snapshots with a module parameter.
 *
 * While it lasts, no chunk of this snapshot is allocated.  I/O that needs none goes on.  The
 * stall ends, and the waiting bios are examined again, when
 *
 *   - the COW device has grown.  The stall polls for that, as nothing reports it;
 *   - the module parameter no_space_timeout has expired.  Then writes go on to the end of
 *     the device, where they fail or invalidate the snapshot as without a stall;
 *   - the origin's device or the snapshot's is being suspended.  All its bios must end for
 *     that, and a file system on it is frozen first, which writes out its dirty data;
 *   - the snapshot has failed, or is being removed.
 *
 * A stall that a suspend ends still needs room: LVM2 suspends both devices to extend the COW
 * device.  So a stall begins before the device is full, and keeps a reserve for writes during a
 * suspend: a sixteenth of the device, at most 256 MiB. dm accepts new bios for some time after it
 * has announced the suspend, and a process that writes in a loop must not use up the reserve
 * meanwhile.  So the reserve is released evenly over a second.
 *
 * A device that is now too short for chunks in use, such as one that was unplugged, is not full.
 * It has failed, and so has the snapshot.  The same holds for one that can no longer be read
 * (CowProbe).
 */
#pragma once

#include "base/worker.hpp"
#include "io/io.hpp"
#include "snapshot/cow_probe.hpp"
#include "table/status_line.hpp"

namespace dmsnap {

class Snapshot;

class Stall {
public:
	/* How often the length of the COW device is checked. */
	static constexpr unsigned int check_ms = 500;
	static constexpr uint64_t reserve_sectors_max = 524288;
	/* The time over which a suspend may use the reserve, and how often waiting bios retry. */
	static constexpr uint64_t pace_ns = 1'000'000'000;
	static constexpr unsigned int pace_check_ms = 10;

	explicit Stall(Snapshot &snapshot);

	/* Chunks that may be taken now; UINT64_MAX: as many as there are. */
	uint64_t allowance() DMSNAP_MUST_HOLD(origin_lock);
	/* No chunk can be allocated.  Returns false if the caller must not wait. */
	bool begin() DMSNAP_MUST_HOLD(origin_lock);
	bool active() const DMSNAP_MUST_HOLD(origin_lock) { return active_; }
	void wait(Io &io) DMSNAP_MUST_HOLD(origin_lock) { ios_.push_back(io); }
	/* Ends the stall: all waiting bios are examined again. */
	void release() DMSNAP_MUST_HOLD(origin_lock);
	/* A suspend of the snapshot's device begins, and ends. */
	void begin_suspend() DMSNAP_MUST_HOLD(origin_lock);
	void end_suspend() DMSNAP_MUST_HOLD(origin_lock);

	/* Something has changed: checks soon whether the stall must end.  Context: any. */
	void look();
	/*
	 * Nothing can find the snapshot any more.  Context: process, sleeps; not on the origin's
	 * worker.
	 */
	void stop();

private:
	bool suspending() const DMSNAP_MUST_HOLD(origin_lock);
	bool applies() const DMSNAP_MUST_HOLD(origin_lock);
	bool suspend_is_paced() const DMSNAP_MUST_HOLD(origin_lock);
	uint64_t kept_of(uint64_t chunks) DMSNAP_MUST_HOLD(origin_lock);
	void release_paced() DMSNAP_MUST_HOLD(origin_lock);
	void check();

	Snapshot &snapshot_;
	bool active_ DMSNAP_GUARDED_BY(origin_lock) = false;
	/* Waiting bios wait for their share of the reserve; no event or log line reports that. */
	bool paced_ DMSNAP_GUARDED_BY(origin_lock) = false;
	bool suspending_ DMSNAP_GUARDED_BY(origin_lock) = false;
	/*
	 * Stalling was enabled at the last check.  The parameter may change at any time, but must
	 * not appear to change between allowance() and begin().
	 */
	bool asked_for_ DMSNAP_GUARDED_BY(origin_lock) = false;
	/* The stall timed out; cleared when the device has grown. */
	bool over_ DMSNAP_GUARDED_BY(origin_lock) = false;
	/* When the stall began, and how large the device was then. */
	uint64_t since_ns_ DMSNAP_GUARDED_BY(origin_lock) = 0;
	uint64_t total_sectors_ DMSNAP_GUARDED_BY(origin_lock) = 0;
	/*
	 * When the first write came during the suspend (0: none yet), and the chunks for the
	 * suspend.
	 */
	uint64_t suspend_since_ns_ DMSNAP_GUARDED_BY(origin_lock) = 0;
	uint64_t suspend_chunks_ DMSNAP_GUARDED_BY(origin_lock) = 0;
	Ios ios_ DMSNAP_GUARDED_BY(origin_lock);
	CowProbe probe_;
	MethodTask<Stall, &Stall::check> task_{*this};
	Timer timer_;
};

} // namespace dmsnap
