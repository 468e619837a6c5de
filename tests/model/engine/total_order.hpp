// SPDX-License-Identifier: GPL-2.0-only
/*
 * TotalOrder: can the seq_cst accesses and fences of an execution be put into one order S, as
 * C++20 demands ([atomics.order])?  A comes before B in S if
 *
 *   - A strongly happens before B; or
 *   - C is coherence-ordered before D, where C is A itself, or A is a fence that happens before
 *     C, and D is B itself, or B is a fence that D happens before.
 *
 * The execution is allowed if that has no cycle.
 */
#pragma once

#include <cstdint>
#include <vector>

#include "model/engine/clock.hpp"
#include "model/engine/history.hpp"

namespace dmsnap::model {

class TotalOrder {
public:
	void clear() { members_.clear(); }

	/* @before: what happens before the event that precedes the fence in its thread. */
	void add_fence(unsigned int thread, uint32_t index, const Clock &before, const Clock &clock)
	{
		members_.push_back({thread, index, before, clock, -1, 0});
	}
	/* The last event of history number @location. */
	void add_access(const Event &event, const Clock &before, int32_t location, size_t number)
	{
		members_.push_back(
			{event.thread, event.index, before, event.clock, location, number});
	}

	size_t size() const { return members_.size(); }
	bool exists(const std::vector<History *> &histories);

private:
	struct Member {
		unsigned int thread;
		uint32_t index;
		Clock before;
		Clock clock;
		/* The history of an access, or -1 for a fence. */
		int32_t location;
		/* Its event there. */
		size_t event;
	};
	/* The lowest place that the member comes before, and the highest that comes before it. */
	struct Places {
		int32_t first;
		int32_t last;
	};

	static bool strongly_before(const Member &a, const Member &b);
	static Places places_in(const Member &member, const History &history);
	void add_coherence(const History &history, int32_t location);
	bool has_cycle();

	std::vector<Member> members_;
	/* By member: a bit for each that comes after it. */
	std::vector<uint64_t> after_;
	std::vector<Places> places_;
};

} // namespace dmsnap::model
