// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stall: writes that need a chunk of a COW device without any wait here for a larger
 * device, where they would cost the snapshot its validity otherwise.  Only if somebody
 * asked for it: with a message, in the table line, or for all with a module parameter.
 *
 * While it lasts nobody takes a chunk of this snapshot; what needs none goes on.  It ends,
 * and who waits is looked at anew, when
 *
 *   - the COW device has grown: that is looked at now and then, for nobody tells;
 *   - the time is over (module parameter no_space_timeout): then everything goes on to
 *     the end of the device, and what happens there is what happens without a stall;
 *   - the origin's device or the snapshot's is to be suspended.  For that its bios have
 *     to end, and if there is a file system on it, it writes before that what it has;
 *   - the snapshot has failed, or goes.
 *
 * A stall that a suspend ends needs room: LVM2 suspends both devices to make the COW
 * device larger.  So a stall begins before the device is full, and leaves a reserve, a
 * sixteenth of the device and 256 MiB at most, to what comes during a suspend.  dm takes
 * new bios for some time after it has told of the suspend, and whoever writes in a loop
 * must not use the reserve up meanwhile: it is handed out evenly over a second.
 *
 * A device that has lost chunks in use, which one that is unplugged has, is not full: it
 * has failed, and so has the snapshot.  So has one that cannot be read any more (CowProbe).
 *
 * Locking: the origin's lock for everything.
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
	/* As often the COW device's length is looked at. */
	static constexpr unsigned int check_ms = 500;
	static constexpr uint64_t reserve_sectors_max = 524288;
	/* The time in which a suspend may use up the reserve, and how often it gets of it. */
	static constexpr uint64_t pace_ns = 1'000'000'000;
	static constexpr unsigned int pace_check_ms = 10;

	explicit Stall(Snapshot &snapshot);

	/* lock, for all: */

	/* Chunks that may be taken now; UINT64_MAX: as many as there are. */
	uint64_t allowance();
	/* There is no chunk.  False: it is not for the stall. */
	bool begin();
	bool active() const { return active_; }
	void wait(Io &io) { ios_.push_back(io); }
	/* Everything goes on. */
	void release();
	/* The device of the snapshot is about to be suspended, and is. */
	void begin_suspend();
	void end_suspend();

	/* Something has changed: see whether it is to end.  Context: any. */
	void look();
	/* Nobody can find the snapshot any more.  Context: process, sleeps; not on the worker. */
	void stop();

private:
	bool suspending() const;
	bool applies() const;
	bool suspend_is_paced() const;
	uint64_t kept_of(uint64_t chunks);
	void release_paced();
	void check();

	Snapshot &snapshot_;
	bool active_ = false;
	/* What waits, waits for its share of the reserve; nobody is told of that. */
	bool paced_ = false;
	bool suspending_ = false;
	/*
	 * Somebody asked for it, when that was last looked at.  The parameter may change at
	 * any time, but not between allowance() and begin().
	 */
	bool asked_for_ = false;
	/* It took too long; until the device has grown. */
	bool over_ = false;
	/* When it began, and how large the device was then. */
	uint64_t since_ns_ = 0;
	uint64_t total_sectors_ = 0;
	/* When the first write came during the suspend (0: there is none), and its chunks. */
	uint64_t suspend_since_ns_ = 0;
	uint64_t suspend_chunks_ = 0;
	Ios ios_;
	CowProbe probe_;
	MethodTask<Stall, &Stall::check> task_{*this};
	Timer timer_;
};

} // namespace dmsnap
