// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contents that identify themselves.  A sector is computed from a tag (which device or
 * writer), a generation (which write) and its number, so one in the wrong place can be traced.
 */
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace dmsnap::test {

struct Pattern {
	uint32_t tag = 0;
	uint32_t generation = 0;

	/* Fills @data, from @sector on. */
	void fill(uint64_t sector, std::span<uint8_t> data) const;
	std::vector<uint8_t> make(uint64_t sector, uint64_t sectors) const;
	/* Compares @data with that of fill(), and reports the first wrong sector. */
	testing::AssertionResult matches(uint64_t sector, std::span<const uint8_t> data) const;
};

/* A description of a sector's content. */
std::string describe_sector(std::span<const uint8_t> data);

/* Reports the first wrong sector.  @sector: the number of the first one. */
testing::AssertionResult same_sectors(uint64_t sector, std::span<const uint8_t> expected,
				      std::span<const uint8_t> found);

} // namespace dmsnap::test
