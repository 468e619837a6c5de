// SPDX-License-Identifier: GPL-2.0-only
/*
 * SnapshotIo: a bio of a snapshot's user.  A flush, and a write that is to be durable,
 * wait with it for a commit.
 */
#pragma once

#include "io/io.hpp"
#include "snapshot/commit_waiter.hpp"

namespace dmsnap {

class Snapshot;

struct SnapshotIo : Io {
	SnapshotIo(dmsnap_bio *of_dm, const dmsnap_bio_desc &desc, Snapshot &of);

	Snapshot &snapshot;

	/* Waits until the snapshot's entries are durable, then ends the bio. */
	struct Durable : CommitWaiter {
		explicit Durable(SnapshotIo &of);
		SnapshotIo &io;
	} durable{*this};
};

} // namespace dmsnap
