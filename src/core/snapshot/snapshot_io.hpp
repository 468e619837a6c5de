// SPDX-License-Identifier: GPL-2.0-only
/* SnapshotIo: a bio of a snapshot's user.  Flushes and FUA writes use it to wait for a commit. */
#pragma once

#include "io/io.hpp"
#include "snapshot/commit_waiter.hpp"

namespace dmsnap {

class Snapshot;

struct SnapshotIo : Io {
	SnapshotIo(dmsnap_bio *of_dm, const dmsnap_bio_desc &desc, Snapshot &of);

	Snapshot &snapshot;

	/* Ends the bio when the snapshot's entries are durable. */
	struct Durable : CommitWaiter {
		explicit Durable(SnapshotIo &of);
		SnapshotIo &io;
	} durable{*this};
};

} // namespace dmsnap
