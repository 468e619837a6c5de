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
		/* The visitor gets the other half. */
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
	/* After the younger one: see require_younger(). */
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
 * A chunk that the younger one has because of an origin write is also in the older one.  So if
 * the named one has more, it is older, or it was written to; in both cases the data would be
 * wrong.  If it is older and has nothing more, nothing was written in between, and both have the
 * same contents.
 */
void ChangeSource::require_younger()
{
	/* A quarter for each set; reading the two lists takes the other half. */
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
