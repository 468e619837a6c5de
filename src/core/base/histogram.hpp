// SPDX-License-Identifier: GPL-2.0-only
/*
 * Histogram: counts values by size.  Bucket 0 is for 0, bucket n for 2^(n-1) up to 2^n - 1, and
 * the last one for everything larger.  Locking: the caller's.
 */
#pragma once

#include <cstddef>
#include <cstdint>

#include <dmsnap/port/work.h>

namespace dmsnap {

inline uint64_t us_since(uint64_t ns)
{
	return (dmsnap_port_now_ns() - ns) / 1000;
}

class Histogram {
public:
	static constexpr size_t buckets = 32;

	void add(uint64_t value)
	{
		size_t bucket = value ? 64 - static_cast<size_t>(__builtin_clzll(value))
				      : size_t{0};
		counts_[bucket < buckets ? bucket : buckets - 1]++;
	}
	/* Adds the microseconds since @ns, and returns them. */
	uint64_t add_us_since(uint64_t ns)
	{
		const uint64_t us = us_since(ns);
		add(us);
		return us;
	}

	uint64_t count(size_t bucket) const { return counts_[bucket]; }
	/* The smallest value of a bucket. */
	static uint64_t begin(size_t bucket) { return bucket ? uint64_t{1} << (bucket - 1) : 0; }

private:
	uint64_t counts_[buckets] = {};
};

} // namespace dmsnap
