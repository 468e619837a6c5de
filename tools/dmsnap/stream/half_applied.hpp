// SPDX-License-Identifier: GPL-2.0-only
/*
 * HalfApplied: the mark on a copy that has only part of a stream.
 *
 * It is durable before the first piece is written, and removed when the whole stream is durable:
 * so a copy without it is complete, however an apply ended.  It is a file, NAME.half-applied
 * beside an image; of a device in /var/lib/dmsnap (or $STATE_DIRECTORY), by a name that lasts.
 *
 * It identifies the stream: for each attempt it has the first record that was
 * written, and what that overwrote.  Everything before that was there already, so the same stream
 * passes this record before it writes anything; a stream of apply --undo begins with it, the other
 * way round, and undoes the last attempt only.  The mark has the number of its records that cover
 * all that was overwritten: later ones, and its end, may be missing.  Other streams are refused: the next increment may
 * lead from what this record wrote, or write the same once more, but does not lead back.
 */
#pragma once

#include <string>
#include <vector>

#include "stream/change_stream.hpp"
#include "system/volume.hpp"

namespace dmsnap::tool {

class HalfApplied {
public:
	/* What may be marked; these throw a Failure. */
	explicit HalfApplied(const Volume &target);

	bool is_marked() const { return !attempts_.empty(); }
	const std::string &path() const { return path_; }

	/* Each record, before it is written. */
	void saw(const Record &record);
	/* The stream is neither the one that began nor leads back to before it. */
	bool is_other() const { return is_marked() && !again_ && !undoes_last_; }
	/* It is the one that began. */
	bool is_again() const { return again_; }
	/* It leads back, but from an attempt before the last one. */
	bool is_too_early() const { return undoes_earlier_; }
	/*
	 * Before the record is written, over what has the checksum @found.  @kept: as many records of
	 * the stream of --undo are durable, and nothing else has been overwritten.
	 */
	void mark(const Record &record, const Checksum &found, uint64_t kept = 0);
	/* What led back so far has all that the last attempt overwrote, even if its end is missing. */
	bool is_undone() const;
	/* All of the stream is durable. */
	void end();

private:
	struct Attempt {
		uint64_t offset;
		uint32_t length;
		std::string content;
		/* Empty in the mark of an older dmsnap: no stream is known to be the one. */
		std::string base;
		std::string found;
		/* 0: of the way back, nothing is known. */
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
