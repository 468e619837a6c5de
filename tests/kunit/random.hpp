// SPDX-License-Identifier: GPL-2.0-only
/* Random: pseudo-random numbers from a seed (splitmix64). */
#pragma once

#include <cstdint>

namespace dmsnap::kunit {

class Random {
public:
	explicit Random(uint64_t seed) : state_(seed) {}

	uint64_t next()
	{
		uint64_t bits = state_ += 0x9e3779b97f4a7c15ull;
		bits = (bits ^ (bits >> 30)) * 0xbf58476d1ce4e5b9ull;
		bits = (bits ^ (bits >> 27)) * 0x94d049bb133111ebull;
		return bits ^ (bits >> 31);
	}
	uint64_t below(uint64_t limit) { return next() % limit; }
	bool one_in(uint64_t n) { return below(n) == 0; }

private:
	uint64_t state_;
};

} // namespace dmsnap::kunit
