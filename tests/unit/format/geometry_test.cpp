// SPDX-License-Identifier: GPL-2.0-only
#include "format/geometry.hpp"

#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "format/chunk_size.hpp"
#include "support/seed.hpp"

namespace dmsnap::format {
namespace {

Geometry of(uint32_t chunk_sectors)
{
	return Geometry(ChunkSize(chunk_sectors));
}

TEST(Geometry, exceptions_per_area_are_a_chunk_of_16_byte_entries)
{
	EXPECT_EQ(of(1).exceptions_per_area(), 32u);
	EXPECT_EQ(of(8).exceptions_per_area(), 256u);
	EXPECT_EQ(of(32).exceptions_per_area(), 1024u);
	EXPECT_EQ(of(128).exceptions_per_area(), 4096u);
	EXPECT_EQ(of(1024).exceptions_per_area(), 32768u);
	EXPECT_EQ(of(chunk_sectors_max).exceptions_per_area(), 1u << 26);
}

TEST(Geometry, areas_lie_where_the_format_says)
{
	EXPECT_EQ(of(8).area_chunk(0), NewChunk{1});
	EXPECT_EQ(of(8).area_chunk(1), NewChunk{258});
	EXPECT_EQ(of(8).area_chunk(2), NewChunk{515});
	EXPECT_EQ(of(1).area_chunk(1), NewChunk{34});
	EXPECT_EQ(of(1).area_chunk(1000), NewChunk{33001});
	EXPECT_EQ(of(chunk_sectors_max).area_chunk(1), NewChunk{(1u << 26) + 2});
	EXPECT_EQ(of(8).first_data_chunk(), NewChunk{2});
}

/*
 * A second layout, built chunk by chunk: the header, then again and again an area and as many data
 * chunks as it has entries.
 */
TEST(Geometry, agrees_with_a_layout_made_by_hand)
{
	for (uint32_t sectors : {1u, 2u, 4u, 8u}) {
		SCOPED_TRACE(testing::Message() << sectors << " sectors per chunk");
		Geometry geometry = of(sectors);
		const uint64_t entries = uint64_t{sectors} * 512 / 16;

		enum Use { header, area, data };
		std::vector<Use> use{header};
		std::vector<uint64_t> areas;
		while (areas.size() < 5) {
			areas.push_back(use.size());
			use.push_back(area);
			use.insert(use.end(), entries, data);
		}
		areas.push_back(use.size());

		uint64_t seen = 0;
		for (uint64_t chunk = 0; chunk < use.size(); chunk++) {
			ASSERT_EQ(geometry.areas_in(chunk), seen) << chunk;
			ASSERT_EQ(geometry.is_metadata({chunk}), use[chunk] != data) << chunk;
			if (use[chunk] == area) {
				ASSERT_EQ(geometry.area_chunk(seen), NewChunk{chunk});
				seen++;
			}
			if (use[chunk] == header)
				continue;
			ASSERT_EQ(geometry.area_of({chunk}), seen - 1) << chunk;
			ASSERT_EQ(geometry.data_run_end({chunk}), NewChunk{areas[seen]}) << chunk;
			uint64_t next = chunk;
			while (next < use.size() && use[next] != data)
				next++;
			ASSERT_EQ(geometry.data_chunk_from({chunk}), NewChunk{next}) << chunk;
		}
		EXPECT_EQ(geometry.data_chunk_from(header_chunk), NewChunk{2});
		EXPECT_EQ(geometry.data_run_end(header_chunk), NewChunk{1});
	}
}

/* Allocates chunks one by one, as a store without holes does. */
TEST(Geometry, size_of_a_store_has_room_for_the_area_that_ends_the_list)
{
	for (uint32_t sectors : {1u, 2u, 8u}) {
		Geometry geometry = of(sectors);
		NewChunk last = geometry.area_chunk(0);
		NewChunk next = geometry.first_data_chunk();
		for (uint64_t count = 0; count < 1000; count++) {
			/* The list of @count entries ends in this area, so the area must exist. */
			NewChunk end_of_list =
				geometry.area_chunk(geometry.area_of_exception(count));
			NewChunk needed = last > end_of_list ? last : end_of_list;
			ASSERT_EQ(geometry.chunks_for(count), needed.value + 1)
				<< count << " exceptions, " << sectors << " sectors per chunk";
			next = geometry.data_chunk_from(next);
			last = next;
			next = next + 1;
		}
	}
	EXPECT_EQ(of(8).chunks_for(0), 2u);
	EXPECT_EQ(of(8).chunks_for(255), 257u);
	EXPECT_EQ(of(8).chunks_for(256), 259u);
}

TEST(Geometry, entries_fill_one_area_after_the_other)
{
	Geometry geometry = of(8);
	EXPECT_EQ(geometry.area_of_exception(0), 0u);
	EXPECT_EQ(geometry.slot_of_exception(0), 0u);
	EXPECT_EQ(geometry.area_of_exception(255), 0u);
	EXPECT_EQ(geometry.slot_of_exception(255), 255u);
	EXPECT_EQ(geometry.area_of_exception(256), 1u);
	EXPECT_EQ(geometry.slot_of_exception(256), 0u);
	EXPECT_EQ(geometry.area_of_exception(uint64_t{1} << 50), uint64_t{1} << 42);
	EXPECT_EQ(geometry.slot_of_exception((uint64_t{1} << 50) + 7), 7u);
}

TEST(Geometry, holds_for_devices_of_any_size_and_every_chunk_size)
{
	test::for_seeds(1, [](uint64_t seed) {
		std::mt19937_64 random(seed);
		using Wide = unsigned __int128;

		for (int round = 0; round < 100000; round++) {
			unsigned int shift = static_cast<unsigned int>(random() % 22);
			Geometry geometry = of(1u << shift);
			const Wide stride = (Wide{32} << shift) + 1;
			/* Up to 2^54 sectors; or up to 2^63 chunks, as in hostile stores. */
			uint64_t limit = random() % 2 ? uint64_t{1} << (54 - shift)
						      : uint64_t{1} << 63;
			uint64_t chunk = 1 + random() % limit;
			SCOPED_TRACE(testing::Message() << "shift " << shift << " chunk " << chunk);

			const Wide area = (chunk - 1) / stride;
			ASSERT_EQ(geometry.area_of({chunk}), static_cast<uint64_t>(area));
			ASSERT_EQ(geometry.area_chunk(geometry.area_of({chunk})).value,
				  static_cast<uint64_t>(1 + area * stride));
			ASSERT_EQ(geometry.is_metadata({chunk}), 1 + area * stride == chunk);
			ASSERT_EQ(geometry.data_run_end({chunk}).value,
				  static_cast<uint64_t>(1 + (area + 1) * stride));
			ASSERT_EQ(geometry.areas_in(chunk),
				  static_cast<uint64_t>((chunk - 2 + stride) / stride));
		}
	});
}

TEST(Geometry, last_chunk_number_of_all_is_classified_without_overflow)
{
	constexpr uint64_t max = std::numeric_limits<uint64_t>::max();
	/* Is (2^64 - 2) / 33 a whole number?  2^64 is 16 modulo 33, so the remainder is 14. */
	EXPECT_FALSE(of(1).is_metadata({max}));
	EXPECT_TRUE(of(1).is_metadata({max - 14}));
	EXPECT_EQ(of(1).area_of({max}), (max - 1) / 33);
	EXPECT_EQ(of(1).areas_in(max), (max - 2) / 33 + 1);
}

TEST(Geometry, is_known_at_compile_time)
{
	constexpr Geometry geometry(ChunkSize(8));
	static_assert(geometry.area_chunk(1) == NewChunk{258});
	static_assert(geometry.is_metadata(NewChunk{258}));
	static_assert(geometry.data_run_end(NewChunk{2}) == NewChunk{258});
	static_assert(geometry.data_chunk_from(NewChunk{258}) == NewChunk{259});
	SUCCEED();
}

} // namespace
} // namespace dmsnap::format
