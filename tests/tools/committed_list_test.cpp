// SPDX-License-Identifier: GPL-2.0-only
/* The list of an active snapshot, read up to its last commit. */
#include "store/committed_list.hpp"
#include "store/store_reader.hpp"
#include "support/seed.hpp"
#include "tools/memory_source.hpp"
#include "unit/store/store_rig.hpp"
#include "user/random.hpp"

namespace dmsnap::test {
namespace {

using user::Random;

struct Seen final : tool::StoreVisitor {
	void entry(const tool::EntryPlace &place, bool good) override
	{
		EXPECT_TRUE(good);
		entries.push_back(
			{place.exception.old_chunk.value, place.exception.new_chunk.value});
	}

	Entries entries;
};

TEST(CommittedList, ends_where_the_commit_ended)
{
	for_seeds(300, [](uint64_t seed) {
		Random random(seed);
		Layout here{1u << random.below(4)};
		uint64_t chunks = 3 * (here.slots() + 1) + 2;
		StoreRig rig({.sectors = chunks * here.chunk_sectors});
		Entries written;
		put_header(rig.device, here.chunk_sectors);
		/* Whole areas as well, up to all areas of the device but an empty one. */
		uint64_t areas = random.below(4);
		uint64_t committed = areas * here.slots();
		if (areas < 3 && random.one_in(2))
			committed += random.below(here.slots());
		uint64_t count = std::min(committed + random.below(80), 3 * here.slots());
		for (uint64_t n = 0; n < count; n++) {
			written.push_back({n, 2 + n + n / here.slots()});
			put_entry(rig.device, here, n, written.back());
		}
		written.resize(committed);

		MemorySource source(rig.device.content(), rig.device.sectors());
		tool::CommittedList list(source, ChunkSize(here.chunk_sectors), committed);
		tool::StoreReader reader(list, {});
		Seen seen;
		const tool::StoreReport &report = reader.read(seen);
		EXPECT_EQ(seen.entries, written);
		EXPECT_EQ(report.entries, committed);
		EXPECT_EQ(report.findings, 0u);
		EXPECT_EQ(report.notes, 0u);
	});
}

TEST(CommittedList, of_a_device_that_cannot_be_read_cannot_be_read)
{
	Layout here{8};
	StoreRig rig({.sectors = 100 * 8});
	put_header(rig.device, 8);
	MemorySource source(rig.device.content(), rig.device.sectors());
	source.bad_begin = here.area_sector(0);
	source.bad_end = source.bad_begin + 1;
	tool::CommittedList list(source, ChunkSize(8), 1);
	std::byte data[4096];
	EXPECT_TRUE(list.read(0, data));
	EXPECT_FALSE(list.read(4096, data));
}

} // namespace
} // namespace dmsnap::test
