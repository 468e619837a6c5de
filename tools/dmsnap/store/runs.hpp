// SPDX-License-Identifier: GPL-2.0-only
/* EntryRun: consecutive entries of one area with consecutive chunks. */
#pragma once

#include <optional>

#include "store/finding.hpp"

namespace dmsnap::tool {

struct EntryRun {
	EntryPlace first;
	uint64_t count = 0;

	bool continued_by(const EntryPlace &place) const
	{
		return place.area == first.area && place.slot == first.slot + count &&
		       place.exception.old_chunk == first.exception.old_chunk + count &&
		       place.exception.new_chunk == first.exception.new_chunk + count;
	}
};

class RunBuilder {
public:
	/* Returns the run that ended before @place, if one did. */
	std::optional<EntryRun> add(const EntryPlace &place)
	{
		if (run_.count && run_.continued_by(place)) {
			run_.count++;
			return {};
		}
		std::optional<EntryRun> ended = end();
		run_ = {place, 1};
		return ended;
	}

	/* Returns the last run. */
	std::optional<EntryRun> end()
	{
		std::optional<EntryRun> ended;
		if (run_.count)
			ended = run_;
		run_.count = 0;
		return ended;
	}

private:
	EntryRun run_;
};

} // namespace dmsnap::tool
