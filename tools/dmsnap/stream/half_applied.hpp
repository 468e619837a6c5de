// SPDX-License-Identifier: GPL-2.0-only
/*
 * HalfApplied: the mark on a copy that has only part of a stream.
 *
 * It is durable before the first piece is written, and is removed when the whole stream is
 * durable.  So a copy without it is complete, however an apply ended.  It is a file:
 * NAME.half-applied beside an image, also if a loop device writes the image; for other devices in
 * /var/lib/dmsnap (or $STATE_DIRECTORY), under a persistent name.
 *
 * It identifies the stream.  For each attempt it has the first record that was written, and what
 * that record overwrote.  Everything before it was there already, so the same stream passes this
 * record before it writes anything.  A stream of apply --undo begins with it in reverse, and
 * undoes the last attempt only.  The mark also says how many records of that stream cover all
 * that was overwritten; later records, and its end, may be missing.  Other streams are refused:
 * the next increment may start from what this record wrote, or write the same again, but it does
 * not lead back.
 */
#pragma once

#include <string>
#include <vector>

#include "stream/change_stream.hpp"
#include "system/volume.hpp"

namespace dmsnap::tool {

class HalfApplied {
public:
	/* @target: what may be marked.  These throw a Failure. */
	explicit HalfApplied(const Volume &target);

	bool is_marked() const { return !attempts_.empty(); }
	const std::string &path() const { return path_; }

	/* Called for each record before it is written. */
	void saw(const Record &record);
	/* The stream is neither the interrupted one nor one that undoes it. */
	bool is_other() const { return is_marked() && !again_ && !undoes_last_; }
	/* It is the interrupted stream again. */
	bool is_again() const { return again_; }
	/* It undoes an attempt, but not the last one. */
	bool is_too_early() const { return undoes_earlier_; }
	/*
	 * Called before the record is written over data with the checksum @found.  @kept: so many
	 * records of the stream of --undo are durable, and nothing beyond them was overwritten.
	 */
	void mark(const Record &record, const Checksum &found, uint64_t kept = 0);
	/* All that the last attempt overwrote was undone, even if the stream's end is missing. */
	bool is_undone() const;
	/* Called when the whole stream is durable. */
	void end();

private:
	struct Attempt {
		uint64_t offset;
		uint32_t length;
		std::string content;
		/* Empty in the mark of an older dmsnap, so that no stream matches. */
		std::string base;
		std::string found;
		/* 0 if nothing is known about the undo stream. */
		uint64_t kept = 0;
	};

	void write() const;

	std::string path_;
	std::vector<Attempt> attempts_;
	uint64_t seen_ = 0;
	bool has_begun_ = false;
	bool again_ = false;
	bool undoes_last_ = false;
	bool undoes_earlier_ = false;
};

/* Throws a Failure if it is marked. */
void require_whole(const Volume &copy);

} // namespace dmsnap::tool
