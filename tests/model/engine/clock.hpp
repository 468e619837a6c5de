// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clock: how far into each thread the events reach that happen before a point.  An event has the
 * number of its thread and its index there, which counts from 1.  What the set-up of a program
 * does has index 0, so it happens before everything.
 */
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace dmsnap::model {

inline constexpr unsigned int threads_max = 4;

struct Clock {
	std::array<uint32_t, threads_max> at{};

	void join(const Clock &other)
	{
		for (unsigned int i = 0; i < threads_max; i++)
			at[i] = std::max(at[i], other.at[i]);
	}
	/* Does event @index of @thread happen before? */
	bool covers(unsigned int thread, uint32_t index) const { return at[thread] >= index; }
};

} // namespace dmsnap::model
