// SPDX-License-Identifier: GPL-2.0-only
#include "stream/change_source.hpp"

#include <fmt/format.h>

#include "store/collect_chunks.hpp"
#include "system/device_name.hpp"

namespace dmsnap::tool {

ChangeSource::ChangeSource(const StoreOptions &options) : options_(options)
{
	std::optional<LiveSnapshot> snapshot;

	machine_.emplace();
	snapshot = machine_->snapshot_on(path_of(options.store));
	if (!snapshot) {
		StoreOptions store = options;
		/* The other half is the visitor's. */
		store.memory_bytes /= 2;
		store_.emplace(store);
		return;
	}
	if (!options.origin.empty()) {
		std::string origin = path_of(options.origin);
		origin_.emplace(origin, Volume::Access::read);
		std::optional<LiveSnapshot> younger = machine_->snapshot_on(origin);
		if (!younger || younger->origin != snapshot->origin ||
		    younger->device == snapshot->device)
			throw Failure(fmt::format("{}: not another snapshot of the origin of {}, "
						  "which is in use; make one, and name that",
						  options.origin, snapshot->name));
		if (younger->store != "N")
			younger_.emplace(*machine_, *younger);
	}
	/* Not before the younger one: see require_younger(). */
	live_.emplace(*machine_, *snapshot);
	if (origin_ && origin_->bytes() != live_->bytes())
		throw Failure(fmt::format("{} has {} bytes and {} {}: the origin was resized "
					  "between the two",
					  options.origin, origin_->bytes(), options.store,
					  live_->bytes()));
	if (younger_)
		require_younger();
}

/*
 * Chunks that a younger one has because the origin was written, the older one
 * has too.  So one that has more is the older one, or was written to; both would
 * make the data wrong.  It may be the older one and have nothing more, if nothing was
 * written in between, and then the two are the same.
 */
void ChangeSource::require_younger()
{
	/* A quarter each, and another two for what their lists are read with. */
	const size_t memory = options_.memory_bytes / 4;
	CollectChunks young_chunks(memory), old_chunks(memory);
	uint64_t young_bytes = younger_->read(young_chunks, memory).chunk_bytes();
	uint64_t old_bytes = live_->read(old_chunks, memory).chunk_bytes();
	const ChunkSet &old = old_chunks.chunks;

	young_chunks.chunks.for_each_range([&](uint64_t begin, uint64_t count) {
		for (uint64_t chunk = begin; chunk < begin + count; chunk++) {
			uint64_t at = chunk * young_bytes, end = at + young_bytes;
			bool found = false;
			for (uint64_t other = at / old_bytes; !found && other * old_bytes < end;
			     other++)
				found = old.contains(other);
			if (!found)
				throw Failure(fmt::format(
					"{} is older than {}, or somebody wrote to it: what it has "
					"at byte {} the other one lacks",
					options_.origin, options_.store, at));
		}
	});
}

StoreReport ChangeSource::read(StoreVisitor &visitor)
{
	if (live_)
		return live_->read(visitor, options_.memory_bytes / 2);
	StoreReader reader(store_->cow, store_->read_options);
	StoreReport report = reader.read(visitor);
	require_good(report, store_->cow);
	return report;
}

std::optional<uint64_t> ChangeSource::origin_bytes() const
{
	if (live_)
		return live_->bytes();
	return store_->read_options.origin_bytes;
}

std::optional<uint64_t> ChangeSource::committed() const
{
	if (live_)
		return live_->entries();
	return {};
}

} // namespace dmsnap::tool
