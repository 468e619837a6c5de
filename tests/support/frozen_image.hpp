// SPDX-License-Identifier: GPL-2.0-only
/*
 * FrozenImage: the expected contents of a snapshot, which are the origin's contents when it
 * was made, with the snapshot's own writes since then.
 */
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "user/image.hpp"

namespace dmsnap::test {

class FrozenImage {
public:
	/* @content: the origin's contents now; @sectors: its size. */
	FrozenImage(const user::Image &content, uint64_t sectors)
	    : image_(content), sectors_(sectors)
	{
	}

	/* A write to the snapshot. */
	void write(uint64_t sector, std::span<const uint8_t> data) { image_.write(sector, data); }

	std::vector<uint8_t> expected(uint64_t sector, uint64_t sectors) const
	{
		return image_.read(sector, sectors);
	}
	/* Compares @found with what the snapshot must show from @sector on. */
	testing::AssertionResult matches(uint64_t sector, std::span<const uint8_t> found) const;

	/* Reads everything through @read, @step sectors at a time, and compares. */
	using Reader = std::function<std::vector<uint8_t>(uint64_t sector, uint64_t sectors)>;
	testing::AssertionResult matches_all(const Reader &read, uint64_t step = 256) const;

private:
	user::Image image_;
	uint64_t sectors_;
};

} // namespace dmsnap::test
