// SPDX-License-Identifier: GPL-2.0-only
/*
 * Image: the content of a device, zero where nothing was written.  Copies share their common
 * pages.
 */
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

namespace dmsnap::user {

class Image {
public:
	/* Reads or writes whole sectors; @data gives the length. */
	void read(uint64_t sector, std::span<uint8_t> data) const;
	void write(uint64_t sector, std::span<const uint8_t> data);
	void zero(uint64_t sector, uint64_t sectors);
	/* Everything from @sector on is zero after this. */
	void cut(uint64_t sector);

	std::vector<uint8_t> read(uint64_t sector, uint64_t sectors) const;
	bool operator==(const Image &other) const;

private:
	static constexpr uint64_t page_sectors = 8;
	using Page = std::array<uint8_t, page_sectors * 512>;
	/* A group of adjacent pages; pages of zeros are not stored. */
	static constexpr uint64_t group_pages = 64;
	using Group = std::array<std::shared_ptr<Page>, group_pages>;

	Group &group_to_write(uint64_t index);
	Page &page_to_write(uint64_t index);
	const Page *find(uint64_t index) const;

	/* Shared with copies, as are the pages in it: a copy costs a few pointers. */
	std::map<uint64_t, std::shared_ptr<Group>> groups_;
};

} // namespace dmsnap::user
