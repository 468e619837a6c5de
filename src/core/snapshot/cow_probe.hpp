// SPDX-License-Identifier: GPL-2.0-only
/*
 * CowProbe: finds out that a COW device has failed while nothing uses it.
 *
 * While writes wait for a larger COW device, nothing is read from it or written to it, and a
 * device mapper device keeps its length when the disk below is pulled out.  So its first block
 * is read from time to time.  An error makes the snapshot invalid, as that of any I/O does.
 *
 * One read is under way at a time: a device that hangs is not asked again.  The snapshot is
 * held meanwhile, so a handover and a removal wait for the read.
 */
#pragma once

#include "base/continuation.hpp"
#include "base/worker.hpp"

namespace dmsnap {

class Snapshot;

class CowProbe {
public:
	explicit CowProbe(Snapshot &snapshot) : snapshot_(snapshot) {}

	/* Reads soon, unless a read is under way or there is no page. */
	void start() DMSNAP_MUST_HOLD(origin_lock);

private:
	/* Worker. */
	void submit();
	void end(int error);

	Snapshot &snapshot_;
	/* nullptr: no read is under way. */
	void *page_ DMSNAP_GUARDED_BY(origin_lock) = nullptr;
	MethodTask<CowProbe, &CowProbe::submit> submit_task_{*this};
	Continuation<CowProbe, &CowProbe::end> end_task_{*this};
};

} // namespace dmsnap
