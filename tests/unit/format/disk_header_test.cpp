// SPDX-License-Identifier: GPL-2.0-only
#include "format/disk_header.hpp"

#include <array>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "support/seed.hpp"
#include "user/failure.hpp"

namespace dmsnap::format {
namespace {

using Kind = DecodedHeader::Kind;
using Bytes = std::array<std::byte, header_bytes>;

constexpr Bytes disk(std::array<uint8_t, header_bytes> values)
{
	Bytes bytes{};
	for (size_t i = 0; i < bytes.size(); i++)
		bytes[i] = std::byte{values[i]};
	return bytes;
}

constexpr Bytes small_store = disk({'S', 'n', 'A', 'p', 1, 0, 0, 0, 1, 0, 0, 0, 0x20, 0, 0, 0});

TEST(DiskHeader, is_written_as_four_numbers_and_zeros_to_the_end)
{
	std::vector<std::byte> chunk(4096, std::byte{0xaa});
	encode({.valid = true, .chunk_sectors = 32}, chunk);

	std::vector<std::byte> expected(4096, std::byte{0});
	std::copy(small_store.begin(), small_store.end(), expected.begin());
	EXPECT_EQ(chunk, expected);
}

TEST(DiskHeader, fits_in_a_buffer_of_its_own_size)
{
	Bytes bytes;
	encode({.valid = true, .chunk_sectors = 32}, bytes);
	EXPECT_EQ(bytes, small_store);
}

TEST(DiskHeader, is_not_written_into_less_than_its_size)
{
	std::vector<std::byte> bytes(header_bytes - 1, std::byte{0xaa});
	const std::vector<std::byte> before = bytes;
	user::FailureCapture failures;
	encode({.valid = true, .chunk_sectors = 32}, bytes);
	EXPECT_FALSE(failures.messages().empty());
	EXPECT_EQ(bytes, before);
}

TEST(DiskHeader, of_an_invalid_snapshot_differs_in_one_bit)
{
	Bytes bytes;
	encode({.valid = false, .chunk_sectors = 32}, bytes);
	Bytes expected = small_store;
	expected[4] = std::byte{0};
	EXPECT_EQ(bytes, expected);
}

TEST(DiskHeader, is_read_field_by_field_from_its_offset)
{
	Bytes bytes = disk({'S', 'n', 'A', 'p', 1, 0, 0, 0, 1, 0, 0, 0, 0x04, 0x03, 0x02, 0x01});
	DecodedHeader decoded = decode(bytes);
	ASSERT_EQ(decoded.kind, Kind::store);
	EXPECT_TRUE(decoded.header.valid);
	EXPECT_EQ(decoded.version, 1u);
	EXPECT_EQ(decoded.header.chunk_sectors, 0x01020304u);
}

TEST(DiskHeader, any_number_but_zero_means_valid)
{
	for (size_t byte = 4; byte < 8; byte++) {
		Bytes bytes = small_store;
		bytes[4] = std::byte{0};
		EXPECT_FALSE(decode(bytes).header.valid);
		bytes[byte] = std::byte{0x80};
		EXPECT_EQ(decode(bytes).kind, Kind::store);
		EXPECT_TRUE(decode(bytes).header.valid) << "byte " << byte;
	}
}

TEST(DiskHeader, device_of_zeros_is_blank)
{
	EXPECT_EQ(decode(Bytes{}).kind, Kind::blank);
}

TEST(DiskHeader, device_with_magic_zero_is_blank_whatever_follows)
{
	Bytes bytes;
	bytes.fill(std::byte{0xff});
	for (size_t i = 0; i < 4; i++)
		bytes[i] = std::byte{0};
	EXPECT_EQ(decode(bytes).kind, Kind::blank);
}

TEST(DiskHeader, every_wrong_bit_of_the_magic_is_seen)
{
	for (size_t bit = 0; bit < 32; bit++) {
		Bytes bytes = small_store;
		bytes[bit / 8] ^= std::byte{1} << (bit % 8);
		EXPECT_EQ(decode(bytes).kind, Kind::magic_unknown) << "bit " << bit;
	}
}

TEST(DiskHeader, magic_in_the_other_byte_order_is_unknown)
{
	Bytes bytes = disk({'p', 'A', 'n', 'S', 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0x20});
	EXPECT_EQ(decode(bytes).kind, Kind::magic_unknown);
}

TEST(DiskHeader, every_version_but_one_is_refused_and_named)
{
	for (uint32_t version : {0u, 2u, 0x101u, 0x80000000u, 0xffffffffu}) {
		Bytes bytes = small_store;
		for (size_t i = 0; i < 4; i++)
			bytes[8 + i] = std::byte{static_cast<uint8_t>(version >> (8 * i))};
		DecodedHeader decoded = decode(bytes);
		EXPECT_EQ(decoded.kind, Kind::version_unknown) << version;
		EXPECT_EQ(decoded.version, version);
	}
}

TEST(DiskHeader, chunk_size_is_passed_on_unjudged)
{
	for (uint32_t sectors : {0u, 1u, 3u, 0x80000000u, 0xffffffffu}) {
		Bytes bytes;
		encode({.valid = true, .chunk_sectors = sectors}, bytes);
		EXPECT_EQ(decode(bytes).kind, Kind::store);
		EXPECT_EQ(decode(bytes).header.chunk_sectors, sectors);
	}
}

TEST(DiskHeader, reads_back_as_it_was_written)
{
	test::for_seeds(1, [](uint64_t seed) {
		std::mt19937_64 random(seed);

		for (int round = 0; round < 10000; round++) {
			Header header{.valid = random() % 2 == 0,
				      .chunk_sectors = static_cast<uint32_t>(random())};
			Bytes bytes;
			encode(header, bytes);
			DecodedHeader decoded = decode(bytes);
			ASSERT_EQ(decoded.kind, Kind::store);
			ASSERT_EQ(decoded.header.valid, header.valid);
			ASSERT_EQ(decoded.header.chunk_sectors, header.chunk_sectors);
		}
	});
}

} // namespace
} // namespace dmsnap::format
