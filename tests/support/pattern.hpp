// SPDX-License-Identifier: GPL-2.0-only
/*
 * Content that identifies its place: each sector follows from a tag (which
 * device or writer), a generation (which write) and its number.
 * A sector found in the wrong place can be identified.
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

	/* Sectors from @sector on, as many as @data has. */
	void fill(uint64_t sector, std::span<uint8_t> data) const;
	std::vector<uint8_t> make(uint64_t sector, uint64_t sectors) const;
	/* Success if @data equals that of fill(); otherwise reports the first wrong sector. */
	testing::AssertionResult matches(uint64_t sector, std::span<const uint8_t> data) const;
};

/* A description of a sector's content. */
std::string describe_sector(std::span<const uint8_t> data);

/* Success if equal; otherwise reports the first wrong sector.  @sector: number of the first. */
testing::AssertionResult same_sectors(uint64_t sector, std::span<const uint8_t> expected,
				      std::span<const uint8_t> found);

} // namespace dmsnap::test
