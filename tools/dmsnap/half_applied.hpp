// SPDX-License-Identifier: GPL-2.0-only
/*
 * HalfApplied: the mark on a copy that has a part of a stream and not all of it.
 *
 * It is durable before the first piece is written, and goes when all of the stream is durable:
 * so a copy without it is whole, whatever ended an apply.  It is a file, NAME.half-applied
 * beside an image; of a device in /var/lib/dmsnap (or $STATE_DIRECTORY), by its path.
 *
 * By it the stream is known again: the mark has, for each attempt, the first record that was
 * written.  All in front of that was there already, so that the same stream comes by this
 * record before it writes anything; a stream of apply --undo begins with it, the other way
 * round.  Other streams are refused.
 */
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "change_stream.hpp"
#include "volume.hpp"

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
	bool is_other() const { return is_marked() && !again_ && !undone_; }
	/* The record is the first to be written. */
	void mark(const Record &record);
	/* All of the stream is durable. */
	void end();

private:
	struct Attempt {
		uint64_t offset;
		uint32_t length;
		std::string content;
	};

	void write() const;

	std::string path_;
	std::vector<Attempt> attempts_;
	bool again_ = false;
	/* The attempts from this one on. */
	std::optional<size_t> undone_;
};

/* Throws a Failure if it is marked. */
void require_whole(const Volume &copy);

} // namespace dmsnap::tool
