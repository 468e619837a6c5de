// SPDX-License-Identifier: GPL-2.0-only
#include "table/status_line.hpp"

#include <array>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace dmsnap {
namespace {

constexpr DeviceNames devices{.origin = "252:0", .cow = "252:1"};

/* The text that @format makes.  Checks the length that it reports. */
template <typename Format> std::string text_of(Format format)
{
	std::array<char, 256> buffer;
	buffer.fill('#');
	size_t length = format(std::span<char>(buffer));
	std::string text(buffer.data());
	EXPECT_EQ(length, text.size());
	return text;
}

std::string status(const SnapshotState &state, const StoreUsage &usage = {})
{
	return text_of([&](std::span<char> buffer) { return format_status(buffer, state, usage); });
}

std::string table(const StoreArgs &store, const Features &features = {})
{
	return text_of([&](std::span<char> buffer) {
		return format_table(buffer, devices, store, features);
	});
}

std::string measurement(const SnapshotState &state)
{
	return text_of([&](std::span<char> buffer) {
		return format_measurement(buffer, "snapshot", "1.16.0", devices, state);
	});
}

TEST(StatusLine, tells_the_use_of_the_cow_device_in_sectors)
{
	EXPECT_EQ(
		status({},
		       {.allocated_sectors = 16, .total_sectors = 2097152, .metadata_sectors = 16}),
		"16/2097152 16");
	EXPECT_EQ(status({}, {}), "0/0 0");
	constexpr uint64_t huge = std::numeric_limits<uint64_t>::max();
	EXPECT_EQ(status({}, {huge, huge - 1, huge - 2}),
		  "18446744073709551615/18446744073709551614 18446744073709551613");
}

/* All eight combinations: the first of the three words that applies is shown. */
TEST(StatusLine, worst_state_is_the_one_told)
{
	for (int bits = 0; bits < 8; bits++) {
		SnapshotState state{.valid = (bits & 4) == 0,
				    .merge_failed = (bits & 2) != 0,
				    .overflowed = (bits & 1) != 0};
		const char *expected = bits >= 4   ? "Invalid"
				       : bits >= 2 ? "Merge failed"
				       : bits == 1 ? "Overflow"
						   : "1/2 3";
		EXPECT_EQ(status(state, {1, 2, 3}), expected) << bits;
	}
}

TEST(TableText, names_devices_type_and_chunk_size)
{
	EXPECT_EQ(table({.type = StoreType::persistent, .chunk_sectors = 8}), "252:0 252:1 P 8");
	EXPECT_EQ(table({.type = StoreType::persistent, .overflow = true, .chunk_sectors = 32}),
		  "252:0 252:1 PO 32");
	EXPECT_EQ(table({.type = StoreType::transient, .chunk_sectors = 2097152}),
		  "252:0 252:1 N 2097152");
	EXPECT_EQ(table({.type = StoreType::persistent, .chunk_sectors = 0}), "252:0 252:1 P 0")
		<< "waiting for a handover";
}

TEST(TableText, names_features_by_number_and_once)
{
	constexpr StoreArgs store{.chunk_sectors = 8};
	EXPECT_EQ(table(store, {.discard_zeroes_cow = true}),
		  "252:0 252:1 P 8 1 discard_zeroes_cow");
	EXPECT_EQ(table(store, {.discard_zeroes_cow = true, .discard_passdown_origin = true}),
		  "252:0 252:1 P 8 2 discard_zeroes_cow discard_passdown_origin");
	EXPECT_EQ(table(store, {.stall_on_full = true}), "252:0 252:1 P 8 1 stall_on_full");
	EXPECT_EQ(table(store, {.discard_zeroes_cow = true, .no_stall_on_full = true}),
		  "252:0 252:1 P 8 2 discard_zeroes_cow no_stall_on_full");
}

TEST(TableText, loads_again_as_what_it_came_from)
{
	constexpr StoreArgs store{
		.type = StoreType::persistent, .overflow = true, .chunk_sectors = 64};
	std::string line = table(store, {true, true});

	std::vector<char *> words;
	for (char *word = line.data(); word;) {
		words.push_back(word);
		word = std::strchr(word, ' ');
		if (word)
			*word++ = '\0';
	}
	auto features = parse_features(static_cast<unsigned int>(words.size()), words.data());
	ASSERT_TRUE(features);
	EXPECT_TRUE(features->discard_zeroes_cow && features->discard_passdown_origin);
	auto again = parse_store(words[table_word::store_type], words[table_word::chunk_size], {});
	ASSERT_TRUE(again);
	EXPECT_EQ(again->type, store.type);
	EXPECT_EQ(again->overflow, store.overflow);
	EXPECT_EQ(again->chunk_sectors, store.chunk_sectors);
	EXPECT_STREQ(words[table_word::origin], devices.origin);
	EXPECT_STREQ(words[table_word::cow], devices.cow);
}

TEST(MeasurementLine, names_target_devices_and_state)
{
	const std::string front = "target_name=snapshot,target_version=1.16.0,"
				  "snap_origin_name=252:0,snap_cow_name=252:1,";
	EXPECT_EQ(measurement({}),
		  front + "snap_valid=y,snap_merge_failed=n,snapshot_overflowed=n;");
	EXPECT_EQ(measurement({.valid = false}),
		  front + "snap_valid=n,snap_merge_failed=n,snapshot_overflowed=n;");
	EXPECT_EQ(measurement({.merge_failed = true}),
		  front + "snap_valid=y,snap_merge_failed=y,snapshot_overflowed=n;");
	EXPECT_EQ(measurement({.overflowed = true}),
		  front + "snap_valid=y,snap_merge_failed=n,snapshot_overflowed=y;");
}

TEST(Lines, are_cut_at_the_end_of_the_buffer)
{
	const std::string whole = table({.chunk_sectors = 8}, {.discard_zeroes_cow = true});
	for (size_t bytes = 0; bytes <= whole.size() + 1; bytes++) {
		std::array<char, 64> buffer;
		buffer.fill('#');
		size_t length = format_table(std::span(buffer).first(bytes), devices,
					     {.chunk_sectors = 8}, {.discard_zeroes_cow = true});
		std::string text(buffer.data(), buffer.size());
		std::string expected(buffer.size(), '#');
		if (bytes > 0)
			expected.replace(0, bytes, whole.substr(0, bytes - 1) + '\0');
		EXPECT_EQ(text, expected) << bytes;
		EXPECT_EQ(length, bytes == 0 ? 0 : bytes - 1) << bytes;
	}
}

} // namespace
} // namespace dmsnap
