// SPDX-License-Identifier: GPL-2.0-only
#include "sim/store_rules.hpp"

#include <array>

#include <gtest/gtest.h>

#include "support/history.hpp"

namespace dmsnap::sim {
namespace {

using test::stamped;
using user::Image;

/* Chunks of one sector: 32 entries an area; chunks 1, 34, 67 ... are metadata. */
class StoreRules : public testing::Test {
protected:
	static constexpr uint64_t cow_sectors = 100, sectors = 50;

	StoreRules() { header(1, 1, 1); }

	void header(uint32_t valid, uint32_t version, uint32_t chunk)
	{
		std::array<uint8_t, 512> sector{};
		std::copy_n("SnAp", 4, sector.begin());
		put32(&sector[4], valid);
		put32(&sector[8], version);
		put32(&sector[12], chunk);
		cow_.write(0, sector);
	}
	void entry(uint64_t index, uint64_t old_chunk, uint64_t new_chunk)
	{
		uint64_t at = 1 + index / 32 * 33;
		std::vector<uint8_t> sector = cow_.read(at, 1);
		uint8_t *entry = &sector[index % 32 * 16];
		put32(entry, static_cast<uint32_t>(old_chunk));
		put32(entry + 4, static_cast<uint32_t>(old_chunk >> 32));
		put32(entry + 8, static_cast<uint32_t>(new_chunk));
		put32(entry + 12, static_cast<uint32_t>(new_chunk >> 32));
		cow_.write(at, sector);
	}
	std::string bad() { return read_store(cow_, cow_sectors, sectors).bad; }

	Image cow_;

private:
	static void put32(uint8_t *at, uint32_t value)
	{
		for (int i = 0; i < 4; i++)
			at[i] = static_cast<uint8_t>(value >> 8 * i);
	}
};

TEST_F(StoreRules, read_a_valid_store)
{
	entry(0, 7, 2);
	entry(1, 3, 3);
	StoreContent store = read_store(cow_, cow_sectors, sectors);
	EXPECT_EQ(store.bad, "");
	EXPECT_TRUE(store.valid);
	EXPECT_EQ(store.chunk, 1u);
	using Pairs = std::vector<std::pair<uint64_t, uint64_t>>;
	EXPECT_EQ(store.exceptions, (Pairs{{7, 2}, {3, 3}}));

	Image origin;
	origin.write(0, stamped(1, 0, sectors));
	cow_.write(2, stamped(2, 7, 1));
	cow_.write(3, stamped(3, 3, 1));
	std::vector<uint8_t> shown = snapshot_content(store, cow_, origin, sectors);
	EXPECT_EQ(test::stamp_of(7, &shown[7 * 512]), 2u);
	EXPECT_EQ(test::stamp_of(3, &shown[3 * 512]), 3u);
	EXPECT_EQ(test::stamp_of(4, &shown[4 * 512]), 1u);
}

TEST_F(StoreRules, follow_the_areas_to_the_first_zero_entry)
{
	for (uint64_t i = 0; i < 33; i++)
		entry(i, i, i < 32 ? 2 + i : 35);
	entry(40, 60, 60);
	StoreContent store = read_store(cow_, cow_sectors, sectors);
	EXPECT_EQ(store.bad, "");
	EXPECT_EQ(store.exceptions.size(), 33u);
}

TEST_F(StoreRules, know_an_invalid_store)
{
	header(0, 1, 1);
	StoreContent store = read_store(cow_, cow_sectors, sectors);
	EXPECT_EQ(store.bad, "");
	EXPECT_FALSE(store.valid);
}

TEST_F(StoreRules, refuse_a_bad_header)
{
	header(1, 2, 1);
	EXPECT_NE(bad(), "");
	header(1, 1, 3);
	EXPECT_NE(bad(), "");
	header(2, 1, 1);
	EXPECT_NE(bad(), "");
	cow_.write(0, std::array<uint8_t, 512>{});
	EXPECT_NE(bad(), "");
}

TEST_F(StoreRules, refuse_a_bad_entry)
{
	struct {
		uint64_t old_chunk, new_chunk;
		const char *why;
	} cases[] = {
		{sectors, 3, "beyond the origin"},
		{1, cow_sectors, "beyond the COW device"},
		{1, 1, "is metadata"},
		{1, 34, "is metadata"},
		{7, 3, "is recorded twice"},
		{1, 2, "COW chunk of another"},
		{uint64_t{1} << 56, 3, "beyond"},
	};
	entry(0, 7, 2);
	for (const auto &one : cases) {
		entry(1, one.old_chunk, one.new_chunk);
		EXPECT_NE(bad().find(one.why), std::string::npos) << one.why << ": " << bad();
	}
}

TEST_F(StoreRules, refuse_a_list_without_an_end)
{
	for (uint64_t i = 0; i < 32; i++)
		entry(i, i, 2 + i);
	EXPECT_EQ(read_store(cow_, 40, sectors).bad, "");
	EXPECT_NE(read_store(cow_, 34, sectors).bad, "");
}

} // namespace
} // namespace dmsnap::sim
