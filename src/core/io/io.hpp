// SPDX-License-Identifier: GPL-2.0-only
/*
 * Io: the core's state of a dm bio.  It lives in dm's per-bio data, and its destructor is never
 * run.  Derived types add what a target needs besides.
 *
 * The merge writes to the origin without a bio: it has its own Ios, with another pass().
 */
#pragma once

#include <dmsnap/core.h>

#include "base/list.hpp"
#include "io/regions.hpp"

namespace dmsnap {

class HeldWrites;

/* The outcome of examining a write. */
enum class WriteOutcome : uint8_t {
	/* It may go where it was remapped to. */
	proceeds,
	/* It waits on some other list, or was submitted or ended. */
	taken,
	/* It was appended to a list of held writes. */
	held,
};

/* Which look at a write this is. */
enum class Attempt : bool {
	/* It was held before, or has no bio: it is not cut. */
	retry,
	/* dm is mapping the bio, which may be cut.  It must not overtake those that are held. */
	first,
};

struct Io {
	Io(dmsnap_bio *of, const dmsnap_bio_desc &desc, HeldWrites &home)
	    : bio(of), writes(home), sector(desc.sector), sectors(desc.sectors), fua(desc.fua)
	{
	}

	uint64_t end() const { return sector + sectors; }

	/* Accepts only the part before @new_end.  Only while dm maps the bio. */
	void cut(uint64_t new_end)
	{
		if (new_end >= end())
			return;
		sectors = static_cast<uint32_t>(new_end - sector);
		dmsnap_port_bio_accept(bio, sectors);
	}

	/* Called when the origin may be written, for an Io that was held or has no bio.  Worker. */
	using Pass = void (*)(Io &);
	Pass pass = [](Io &io) { dmsnap_port_bio_submit(io.bio); };

	dmsnap_bio *bio;
	/* What examines it again if it has to wait: the origin's HeldWrites, or a snapshot's. */
	HeldWrites &writes;
	uint64_t sector;
	uint32_t sectors;
	bool fua;
	/* A read of the snapshot that went to the origin, or a write of a merge to the COW device. */
	bool tracked = false;
	Regions::Token token;
	/* When it was first held; 0: it was not. */
	uint64_t held_ns = 0;
	/* Error of an I/O that was submitted for the bio. */
	int error = 0;

	/* In a list of bios that wait for the same thing. */
	ListHook link;
};

using Ios = List<Io, &Io::link>;

} // namespace dmsnap
