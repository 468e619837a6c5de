// SPDX-License-Identifier: GPL-2.0-only
#include "format/little_endian.hpp"

#include <array>
#include <cstring>
#include <limits>
#include <type_traits>

#include <gtest/gtest.h>

namespace dmsnap::format {
namespace {

static_assert(std::is_trivially_copyable_v<le32> && std::is_trivially_copyable_v<le64>);
static_assert(sizeof(le32) == 4 && sizeof(le64) == 8);
static_assert(!std::is_convertible_v<uint32_t, le32> && !std::is_convertible_v<le32, uint32_t>);
static_assert(!std::is_convertible_v<uint64_t, le64> && !std::is_convertible_v<le64, uint64_t>);

template <typename Disk> auto bytes_of(Disk value)
{
	std::array<uint8_t, sizeof(Disk)> bytes;
	std::memcpy(bytes.data(), &value, sizeof(Disk));
	return bytes;
}

TEST(LittleEndian, low_byte_comes_first)
{
	EXPECT_EQ(bytes_of(le32{0x04030201}), (std::array<uint8_t, 4>{1, 2, 3, 4}));
	EXPECT_EQ(bytes_of(le64{0x0807060504030201}),
		  (std::array<uint8_t, 8>{1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST(LittleEndian, gives_back_what_it_was_made_from)
{
	for (uint64_t value :
	     {uint64_t{0}, uint64_t{1}, uint64_t{0x80}, uint64_t{0x8000000000000000},
	      std::numeric_limits<uint64_t>::max()}) {
		EXPECT_EQ(le64{value}.get(), value);
		EXPECT_EQ(le32{static_cast<uint32_t>(value)}.get(), static_cast<uint32_t>(value));
	}
}

TEST(LittleEndian, is_zero_unless_said_otherwise)
{
	EXPECT_EQ(le32{}.get(), 0u);
	EXPECT_EQ(le64{}.get(), 0u);
}

} // namespace
} // namespace dmsnap::format
