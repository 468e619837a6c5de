// SPDX-License-Identifier: GPL-2.0-only
#include "format/disk_exception.hpp"

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "support/seed.hpp"
#include "user/failure.hpp"

namespace dmsnap::format {
namespace {

constexpr uint64_t huge = std::numeric_limits<uint64_t>::max();

using Bytes = std::vector<std::byte>;

Bytes area_of(size_t slots, std::byte content = std::byte{0})
{
	return Bytes(slots * 16, content);
}

TEST(DiskException, is_written_as_old_then_new_chunk)
{
	Bytes bytes = area_of(3, std::byte{0xaa});
	MutableAreaView(bytes).write(1, {{0x0807060504030201}, {0x100f0e0d0c0b0a09}});

	Bytes expected = area_of(3, std::byte{0xaa});
	for (uint8_t i = 0; i < 16; i++)
		expected[16 + i] = std::byte{static_cast<uint8_t>(i + 1)};
	EXPECT_EQ(bytes, expected);
}

TEST(DiskException, is_read_from_any_slot_of_a_view_that_starts_anywhere)
{
	/* Views need no alignment. */
	Bytes bytes(1 + 4 * 16);
	for (size_t i = 0; i < bytes.size(); i++)
		bytes[i] = std::byte{static_cast<uint8_t>(i - 1)};
	AreaView view{std::span(bytes).subspan(1)};

	ASSERT_EQ(view.slots(), 4u);
	EXPECT_EQ(view.read(0), (Exception{{0x0706050403020100}, {0x0f0e0d0c0b0a0908}}));
	EXPECT_EQ(view.read(3), (Exception{{0x3736353433323130}, {0x3f3e3d3c3b3a3938}}));
}

TEST(DiskException, ends_the_list_by_its_new_chunk_alone)
{
	EXPECT_TRUE((Exception{{0}, {0}}).ends_list());
	EXPECT_TRUE((Exception{{huge}, {0}}).ends_list());
	EXPECT_FALSE((Exception{{0}, {2}}).ends_list());
	EXPECT_FALSE((Exception{{0}, {uint64_t{1} << 63}}).ends_list());
}

TEST(DiskException, reads_back_as_it_was_written)
{
	test::for_seeds(1, [](uint64_t seed) {
		std::mt19937_64 random(seed);

		Bytes bytes = area_of(64);
		MutableAreaView area(bytes);
		std::vector<Exception> model(64);
		for (int step = 0; step < 10000; step++) {
			size_t slot = random() % 64;
			/* Numbers of all magnitudes, and zero. */
			model[slot] = {{random() >> (random() % 64)},
				       {random() >> (random() % 64)}};
			area.write(slot, model[slot]);
			size_t other = random() % 64;
			ASSERT_EQ(area.read(other), model[other]);
			ASSERT_EQ(area.read(slot), model[slot]);
		}
	});
}

TEST(AreaView, of_nothing_has_no_slots_and_no_entries)
{
	AreaView view({});
	EXPECT_EQ(view.slots(), 0u);
	EXPECT_EQ(view.end_of_list(), 0u);
	EXPECT_FALSE(view.holds_data(0));
}

TEST(AreaView, list_ends_at_the_first_entry_without_a_new_chunk)
{
	Bytes bytes = area_of(8);
	MutableAreaView area(bytes);
	EXPECT_EQ(area.end_of_list(), 0u);
	for (size_t slot = 0; slot < 8; slot++) {
		area.write(slot, {{slot}, {slot + 2}});
		EXPECT_EQ(area.end_of_list(), slot + 1);
	}
}

TEST(AreaView, entries_after_the_end_do_not_count)
{
	Bytes bytes = area_of(8);
	MutableAreaView area(bytes);
	area.write(0, {{9}, {2}});
	area.write(1, {{7}, {0}});
	area.write(2, {{8}, {3}});
	EXPECT_EQ(area.end_of_list(), 1u);
	EXPECT_EQ(area.end_of_list(2), 3u) << "asked from behind the gap";
}

TEST(AreaView, every_stale_byte_is_found)
{
	for (size_t at = 0; at < 8 * 16; at++) {
		Bytes bytes = area_of(8);
		bytes[at] = std::byte{0x80};
		AreaView view(bytes);
		for (size_t first = 0; first <= 8; first++)
			EXPECT_EQ(view.holds_data(first), at >= first * 16)
				<< "byte " << at << " from slot " << first;
	}
}

TEST(AreaView, wiping_spares_earlier_entries)
{
	for (size_t first = 0; first <= 8; first++) {
		Bytes bytes = area_of(8, std::byte{0xaa});
		MutableAreaView(bytes).wipe(first);
		Bytes expected = area_of(8, std::byte{0xaa});
		std::fill(expected.begin() + static_cast<ptrdiff_t>(first * 16), expected.end(),
			  std::byte{0});
		EXPECT_EQ(bytes, expected) << "from slot " << first;
	}
}

TEST(AreaView, slot_outside_is_reported_and_nothing_is_touched)
{
	Bytes bytes = area_of(6, std::byte{0xaa});
	const Bytes before = bytes;
	MutableAreaView area{std::span(bytes).subspan(16, 4 * 16)};

	for (size_t slot : {size_t{4}, size_t{5}, std::numeric_limits<size_t>::max()}) {
		user::FailureCapture read;
		EXPECT_EQ(area.read(slot), Exception{});
		EXPECT_TRUE(read.saw("slot < slots()"));
	}
	for (size_t slot : {size_t{4}, std::numeric_limits<size_t>::max()}) {
		user::FailureCapture write;
		area.write(slot, {{1}, {2}});
		EXPECT_TRUE(write.saw("slot < slots()"));
	}
	for (size_t slot : {size_t{5}, std::numeric_limits<size_t>::max()}) {
		user::FailureCapture wipe;
		area.wipe(slot);
		EXPECT_TRUE(wipe.saw("first <= slots()"));
	}
	EXPECT_EQ(bytes, before);
}

TEST(AreaView, that_cuts_an_entry_in_two_is_reported)
{
	Bytes bytes(40);
	user::FailureCapture failures;
	AreaView view(bytes);
	EXPECT_FALSE(failures.messages().empty());
	EXPECT_EQ(view.slots(), 2u);
}

} // namespace
} // namespace dmsnap::format
