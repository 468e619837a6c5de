// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random: numbers that follow from a seed alone, the same on every machine and
 * with every library.
 */
#pragma once

#include <cstdint>

namespace dmsnap::user {

class Random {
public:
	explicit Random(uint64_t seed) : state_(seed) {}

	uint64_t next()
	{
		state_ += 0x9e3779b97f4a7c15u;
		return mix(state_);
	}
	/* 0 .. end - 1; end > 0. */
	uint64_t below(uint64_t end) { return next() % end; }
	bool one_in(uint64_t n) { return below(n) == 0; }

	/* A good hash of one number. */
	static constexpr uint64_t mix(uint64_t x)
	{
		x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
		x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
		return x ^ (x >> 31);
	}

private:
	uint64_t state_;
};

} // namespace dmsnap::user
