// SPDX-License-Identifier: GPL-2.0-only
/*
 * Io: what the core knows of a bio of dm while it lasts.  It lies in the space
 * that dm keeps beside the bio, and has no destructor to run.  What a target has to know
 * besides is in what derives from it.
 *
 * The merge writes to the origin without a bio: it has Ios of its own, with
 * another pass().
 */
#pragma once

#include <dmsnap/core.h>

#include "base/list.hpp"
#include "io/regions.hpp"

namespace dmsnap {

class HeldWrites;

/* What became of a write that was examined. */
enum class WriteOutcome : uint8_t {
	/* It may go where it was remapped to. */
	proceeds,
	/* It waits for an operation, or was ended. */
	taken,
	/* It is on a list of held writes, at the end. */
	held,
};

struct Io {
	Io(dmsnap_bio *of, const dmsnap_bio_desc &desc, HeldWrites &home)
	    : bio(of), writes(home), sector(desc.sector), sectors(desc.sectors), fua(desc.fua)
	{
	}

	uint64_t end() const { return sector + sectors; }

	/* Takes only what lies in front of @new_end; only while dm maps the bio. */
	void cut(uint64_t new_end)
	{
		if (new_end >= end())
			return;
		sectors = static_cast<uint32_t>(new_end - sector);
		dmsnap_port_bio_accept(bio, sectors);
	}

	/* The origin may be written: called when it has been held, or without a bio.  Worker. */
	using Pass = void (*)(Io &);
	Pass pass = [](Io &io) { dmsnap_port_bio_submit(io.bio); };

	dmsnap_bio *bio;
	/* Where it is examined again, if it has to wait: the origin's, or a snapshot's. */
	HeldWrites &writes;
	uint64_t sector;
	uint32_t sectors;
	bool fua;
	/* A read of the snapshot that went to the origin, or a write of a merge to the COW device. */
	bool tracked = false;
	Regions::Token token;
	/* When it was held first; 0: it was not. */
	uint64_t held_ns = 0;
	/* Of what was sent while the bio was held. */
	int error = 0;

	/* On one list of bios that wait for the same thing. */
	ListHook link;
};

using Ios = List<Io, &Io::link>;

} // namespace dmsnap
