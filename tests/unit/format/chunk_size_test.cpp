// SPDX-License-Identifier: GPL-2.0-only
#include "format/chunk_size.hpp"

#include <gtest/gtest.h>

namespace dmsnap::format {
namespace {

constexpr BlockSizes blocks_512{.origin_sectors = 1, .cow_sectors = 1};

Error reason(uint32_t sectors, const BlockSizes &blocks = blocks_512)
{
	Status status = check_chunk_size(sectors, blocks);
	EXPECT_FALSE(status.has_value()) << sectors;
	return status ? Error{} : status.error();
}

TEST(ChunkSizeRule, powers_of_two_up_to_one_gibibyte_pass)
{
	for (unsigned int shift = 0; shift <= 21; shift++)
		EXPECT_TRUE(check_chunk_size(1u << shift, blocks_512)) << shift;
	for (unsigned int shift = 22; shift < 32; shift++)
		EXPECT_EQ(reason(1u << shift), Error::chunk_size_too_high) << shift;
}

TEST(ChunkSizeRule, everything_between_two_powers_is_refused)
{
	for (uint32_t sectors : {0u, 3u, 5u, 6u, 7u, 9u, 31u, 33u, 48u, 0xffffffffu, 0x80000001u})
		EXPECT_EQ(reason(sectors), Error::chunk_size_not_power_of_2) << sectors;
}

TEST(ChunkSizeRule, blocks_of_both_devices_count)
{
	EXPECT_EQ(reason(4, {.origin_sectors = 8, .cow_sectors = 1}),
		  Error::chunk_size_not_of_blocks);
	EXPECT_EQ(reason(4, {.origin_sectors = 1, .cow_sectors = 8}),
		  Error::chunk_size_not_of_blocks);
	EXPECT_TRUE(check_chunk_size(8, {.origin_sectors = 8, .cow_sectors = 8}));
	EXPECT_TRUE(check_chunk_size(16, {.origin_sectors = 8, .cow_sectors = 16}));
}

TEST(ChunkSizeRule, first_mistake_in_order_is_the_one_reported)
{
	constexpr BlockSizes blocks_4k{.origin_sectors = 8, .cow_sectors = 8};
	EXPECT_EQ(reason(3, blocks_4k), Error::chunk_size_not_power_of_2);
	EXPECT_EQ(reason(0x80000001, blocks_4k), Error::chunk_size_not_power_of_2);
	EXPECT_EQ(reason(1u << 22, {.origin_sectors = 1u << 23, .cow_sectors = 1}),
		  Error::chunk_size_not_of_blocks);
}

TEST(ChunkSizeRule, errors_are_the_sentences_of_the_log)
{
	EXPECT_STREQ(to_text(reason(3)), "Chunk size is not a power of 2");
	EXPECT_STREQ(to_text(reason(1, {.origin_sectors = 8, .cow_sectors = 8})),
		     "Chunk size is not a multiple of device blocksize");
	EXPECT_STREQ(to_text(reason(1u << 22)), "Chunk size is too high");
	EXPECT_EQ(to_errno(reason(3)), -22);
}

TEST(ChunkSizeRule, default_is_16_kib_or_the_cow_devices_block)
{
	EXPECT_EQ(default_chunk_sectors(blocks_512), 32u);
	EXPECT_EQ(default_chunk_sectors({.origin_sectors = 8, .cow_sectors = 8}), 32u);
	EXPECT_EQ(default_chunk_sectors({.origin_sectors = 1, .cow_sectors = 64}), 64u);
	EXPECT_EQ(default_chunk_sectors({.origin_sectors = 64, .cow_sectors = 1}), 32u);
}

} // namespace
} // namespace dmsnap::format
