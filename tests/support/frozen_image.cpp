// SPDX-License-Identifier: GPL-2.0-only
#include "support/frozen_image.hpp"

#include <algorithm>

#include "support/pattern.hpp"

namespace dmsnap::test {

testing::AssertionResult FrozenImage::matches(uint64_t sector, std::span<const uint8_t> found) const
{
	return same_sectors(sector, expected(sector, found.size() / 512), found);
}

testing::AssertionResult FrozenImage::matches_all(const Reader &read, uint64_t step) const
{
	for (uint64_t at = 0; at < sectors_; at += step) {
		testing::AssertionResult part =
			matches(at, read(at, std::min(step, sectors_ - at)));
		if (!part)
			return part;
	}
	return testing::AssertionSuccess();
}

} // namespace dmsnap::test
