// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fixtures for tests of the stores: StoreRig, a world with a COW device and a worker; Commit, a
 * batch; Collector, the result of a load.  The functions read and write a store's bytes without the
 * core's help.
 */
#pragma once

#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/worker.hpp"
#include "store/persistent_store.hpp"
#include "support/on_worker.hpp"
#include "user/bio.hpp"
#include "user/failure.hpp"
#include "user/target.hpp"
#include "user/world.hpp"

namespace dmsnap::test {

constexpr size_t entry_bytes = 16;

/* One exception as on disk. */
struct Entry {
	uint64_t old_chunk;
	uint64_t new_chunk;

	bool operator==(const Entry &) const = default;
};
using Entries = std::vector<Entry>;
using Runs = std::vector<Run>;

/* The sectors and slots of a store, from the description of the format alone. */
struct Layout {
	uint32_t chunk_sectors;

	uint64_t slots() const { return chunk_sectors * 512ull / entry_bytes; }
	uint64_t area_chunk(uint64_t area) const { return 1 + area * (slots() + 1); }
	uint64_t area_sector(uint64_t area) const { return area_chunk(area) * chunk_sectors; }
	bool is_metadata(uint64_t chunk) const
	{
		return chunk == 0 || (chunk - 1) % (slots() + 1) == 0;
	}
	uint64_t areas(uint64_t chunks) const
	{
		uint64_t n = 0;
		while (area_chunk(n) < chunks)
			n++;
		return n;
	}
	uint64_t data_chunks(uint64_t chunks) const
	{
		return chunks < 1 ? 0 : chunks - 1 - areas(chunks);
	}
	/* The last slot of the last area stays empty: after a full area the list continues. */
	uint64_t capacity(uint64_t chunks) const
	{
		uint64_t data = data_chunks(chunks);
		uint64_t entries = areas(chunks) ? areas(chunks) * slots() - 1 : 0;
		return data < entries ? data : entries;
	}
	uint64_t sector_of(uint64_t exception) const
	{
		return area_sector(exception / slots()) + exception % slots() * entry_bytes / 512;
	}
};

inline std::vector<uint8_t> header_sector(uint32_t magic, uint32_t valid, uint32_t version,
					  uint32_t chunk_sectors)
{
	std::vector<uint8_t> data(512);
	size_t at = 0;
	for (uint32_t word : {magic, valid, version, chunk_sectors})
		for (unsigned int shift = 0; shift < 32; shift += 8)
			data[at++] = static_cast<uint8_t>(word >> shift);
	return data;
}

inline std::vector<uint8_t> good_header(uint32_t chunk_sectors)
{
	return header_sector(0x70416e53, 1, 1, chunk_sectors);
}

inline void put_header(user::Device &device, uint32_t chunk_sectors)
{
	device.poke(0, good_header(chunk_sectors));
}

inline void put_entry(user::Device &device, Layout layout, uint64_t exception, Entry entry)
{
	uint64_t sector = layout.sector_of(exception);
	std::vector<uint8_t> data = device.peek(sector, 1);
	uint8_t *out = data.data() + exception * entry_bytes % 512;
	for (uint64_t word : {entry.old_chunk, entry.new_chunk})
		for (unsigned int shift = 0; shift < 64; shift += 8)
			*out++ = static_cast<uint8_t>(word >> shift);
	device.poke(sector, data);
}

inline uint64_t le64_at(const uint8_t *bytes)
{
	uint64_t value = 0;
	for (int i = 7; i >= 0; i--)
		value = value << 8 | bytes[i];
	return value;
}

/* The list on disk, up to its end. */
inline Entries list_on(const user::Image &image, Layout layout)
{
	Entries list;
	for (uint64_t n = 0;; n++) {
		std::vector<uint8_t> data = image.read(layout.sector_of(n), 1);
		const uint8_t *in = data.data() + n * entry_bytes % 512;
		if (le64_at(in + 8) == 0)
			return list;
		list.push_back({le64_at(in), le64_at(in + 8)});
	}
}

/* Garbage that looks like exceptions. */
inline std::vector<uint8_t> garbage(uint64_t sectors)
{
	std::vector<uint8_t> data(sectors * 512);
	for (size_t i = 0; i < data.size(); i++)
		data[i] = i % 8 == 0 ? static_cast<uint8_t>(1 + i / 16 % 200) : 0;
	return data;
}

/* Writes garbage to all areas from @first on, including those not in use yet. */
inline void put_garbage(user::Device &device, Layout layout, uint64_t first = 0)
{
	for (uint64_t n = first; layout.area_sector(n) + layout.chunk_sectors <= device.sectors();
	     n++)
		device.poke(layout.area_sector(n), garbage(layout.chunk_sectors));
}

inline testing::AssertionResult all_zero(std::span<const uint8_t> data)
{
	for (size_t i = 0; i < data.size(); i++)
		if (data[i])
			return testing::AssertionFailure() << "byte " << i << " is not zero";
	return testing::AssertionSuccess();
}

constexpr unsigned int durable = DMSNAP_IO_PREFLUSH | DMSNAP_IO_FUA;

/* Is @io a durable write of these sectors? */
inline testing::AssertionResult is_commit(const user::IoRecord &io, uint64_t sector,
					  uint64_t sectors)
{
	if (io.op != user::Op::write || (io.flags & durable) != durable)
		return testing::AssertionFailure() << to_text(io.op) << " with flags " << io.flags;
	if (io.sector != sector || io.sectors != sectors)
		return testing::AssertionFailure() << io.sectors << " sectors at " << io.sector
						   << " instead of " << sectors << " at " << sector;
	return testing::AssertionSuccess();
}

struct Collector final : PersistentStore::LoadVisitor {
	Status chunk_size_known(ChunkSize size) override
	{
		chunk_sectors = size.sectors();
		return {};
	}
	Status exceptions(format::AreaView view, size_t count, size_t &slot) override
	{
		for (slot = 0; slot < count; slot++) {
			if (entries.size() == refuse_at)
				return fail(Error::old_chunk_duplicate);
			const format::Exception exception = view.read(slot);
			entries.push_back({exception.old_chunk.value, exception.new_chunk.value});
		}
		return {};
	}

	NewChunk new_limit() const override { return limit; }

	uint32_t chunk_sectors = 0;
	NewChunk limit{UINT64_MAX};
	uint64_t refuse_at = UINT64_MAX;
	Entries entries;
};

/* A batch and its result. */
struct Commit : CommitBatch {
	explicit Commit(const Runs &runs)
	    : CommitBatch([](CommitBatch &batch) { static_cast<Commit &>(batch).calls++; })
	{
		for (const Run &run : runs) {
			storage.emplace_back();
			storage.back().run = run;
			entries.push_back(storage.back());
		}
	}
	~Commit()
	{
		/* The entries must still be in place. */
		for (CommitEntry &entry : storage) {
			EXPECT_EQ(entries.front(), &entry);
			entries.pop_front();
		}
	}

	bool ended() const { return calls > 0; }
	bool succeeded() const { return calls == 1 && status; }
	bool failed_with(Error error) const
	{
		return calls == 1 && !status && status.error() == error;
	}

	std::deque<CommitEntry> storage;
	int calls = 0;
};

struct Mark : InvalidMark {
	Mark() : InvalidMark([](InvalidMark &mark) { static_cast<Mark &>(mark).calls++; }) {}

	int calls = 0;
};

inline Entries entries_of(const Runs &runs)
{
	Entries list;
	for (const Run &run : runs)
		for (uint64_t i = 0; i < run.count; i++)
			list.push_back({run.old_begin.value + i, run.new_begin.value + i});
	return list;
}

struct CowOptions {
	uint64_t sectors = 0;
	uint32_t block_sectors = 1;
};

class StoreRig {
public:
	explicit StoreRig(CowOptions cow_options, user::WorldOptions how = {})
	    : world(how), device(world.add_device({.name = "cow",
						   .sectors = cow_options.sectors,
						   .block_sectors = cow_options.block_sectors}))
	{
		EXPECT_EQ(dmsnap_port_device_open(&target, device.number().c_str(),
						  DMSNAP_DEVICE_TABLE, &cow),
			  0);
		worker = std::move(*Worker::create("test"));
	}
	~StoreRig()
	{
		close();
		worker.reset();
		dmsnap_port_device_close(&target, cow);
	}
	StoreRig(const StoreRig &) = delete;
	StoreRig &operator=(const StoreRig &) = delete;

	/* --- The persistent store. --- */

	Result<PersistentStore::Content> try_open(uint32_t chunk_sectors)
	{
		loaded = {};
		loaded.limit = limit;
		format::BlockSizes blocks{1, device.options().block_sectors};
		return PersistentStore::open(cow, blocks, chunk_sectors, *worker, loaded);
	}
	/* Opens the store, which must succeed. */
	PersistentStore &open(uint32_t chunk_sectors)
	{
		close();
		auto content = try_open(chunk_sectors);
		EXPECT_TRUE(content) << to_text(content.error());
		EXPECT_TRUE(content && content->valid);
		if (!content)
			user::die("the store does not open: %s", to_text(content.error()));
		store = std::move(content->store);
		return *store;
	}
	void close()
	{
		if (store)
			store->quiesce();
		store.reset();
	}
	void reopen() { open(0); }

	/* --- Any store. --- */

	void on_worker(std::function<void()> body) { run_on(world, *worker, std::move(body)); }
	void start(ExceptionStore &on, Commit &commit)
	{
		on_worker([&] { on.commit(commit); });
	}
	bool finish(Commit &commit)
	{
		return world.run_until([&] { return commit.ended(); });
	}
	testing::AssertionResult commit(ExceptionStore &on, const Runs &runs)
	{
		Commit batch(runs);
		start(on, batch);
		if (!finish(batch))
			return testing::AssertionFailure() << "the commit never ended";
		if (!batch.status)
			return testing::AssertionFailure() << to_text(batch.status.error());
		if (batch.calls != 1)
			return testing::AssertionFailure() << "done() came " << batch.calls;
		return testing::AssertionSuccess();
	}
	testing::AssertionResult commit(const Runs &runs) { return commit(*store, runs); }
	/* Allocates @count chunks for origin chunks from @old on, in as many runs as needed. */
	Runs prepare(ExceptionStore &on, uint64_t count, uint64_t old)
	{
		Runs runs;
		while (count) {
			auto taken = on.prepare(count);
			if (!taken)
				break;
			runs.push_back({{old}, taken->begin, taken->count});
			old += taken->count;
			count -= taken->count;
		}
		return runs;
	}
	/* Records @count more exceptions; their origin chunks continue the last ones. */
	testing::AssertionResult add(uint64_t count)
	{
		Runs runs = prepare(*store, count, next_old);
		next_old += count;
		return commit(runs);
	}

	user::World world;
	user::Device &device;
	user::Target target;
	dmsnap_device *cow = nullptr;
	Owned<Worker> worker;
	Owned<PersistentStore> store;
	/* The limit of chunk numbers, for open(). */
	NewChunk limit{UINT64_MAX};
	Collector loaded;
	uint64_t next_old = 0;
};

} // namespace dmsnap::test
