// SPDX-License-Identifier: GPL-2.0-only
/*
 * StoreReader: walks a store as a loader does, with the core's codec, but does
 * not stop at errors: it passes every finding and every entry to a visitor.
 *
 * Its rules are those of the core's loader (store/persistent_load.cpp): every error
 * that refuses a store is a finding here that is not a note, and vice versa.
 * The list of a store that is marked invalid is read too.
 *
 * Memory: two ChunkSets of a limited size together and one piece of an area,
 * whatever the store says.
 */
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/chunk.hpp"
#include "cli/progress.hpp"
#include "format/chunk_size.hpp"
#include "format/disk_header.hpp"
#include "format/geometry.hpp"
#include "store/byte_source.hpp"
#include "store/chunk_set.hpp"
#include "store/finding.hpp"

namespace dmsnap::tool {

struct ReadOptions {
	/* Unknown: any chunk that an origin of 2^63 bytes could have. */
	std::optional<uint64_t> origin_bytes;
	format::BlockSizes blocks;
	/* The chunk size to use, whatever the header says; 0: the header's. */
	uint32_t chunk_sectors = 0;
	/* For finding chunks that are used twice. */
	size_t memory_bytes = size_t{256} << 20;
};

/* The results of a walk. */
struct StoreReport {
	/* As on disk. */
	uint32_t magic = 0;
	uint32_t valid = 0;
	uint32_t version = 0;
	uint32_t chunk_sectors = 0;

	format::DecodedHeader::Kind kind = format::DecodedHeader::Kind::blank;
	/* There is a list, with this layout. */
	bool has_list = false;
	format::Geometry geometry;
	uint64_t device_bytes = 0;
	uint64_t device_chunks = 0;
	/* Areas that have room on the device. */
	uint64_t areas = 0;

	uint64_t entries = 0;
	uint64_t good_entries = 0;
	uint64_t dead_entries = 0;
	/* The list ends at this slot, and does end. */
	bool ended = false;
	uint64_t end_area = 0;
	uint32_t end_slot = 0;
	/* After the highest data chunk that a valid entry uses. */
	NewChunk next_free{2};

	uint64_t findings = 0;
	uint64_t notes = 0;
	/* An area could not be read, and nothing after it was read. */
	bool unreadable = false;
	bool short_of_memory = false;
	/* Why not everything could be checked; empty: everything was. */
	std::string not_looked_at;

	bool is_store() const { return kind == format::DecodedHeader::Kind::store; }
	uint64_t chunk_bytes() const { return geometry.chunk_size().bytes(); }
	/* Chunks before next_free that hold neither data nor metadata. */
	uint64_t unused_chunks() const;
};

class StoreVisitor {
public:
	virtual void finding(const Finding &) {}
	/* @good: no finding is about it.  In the order of the list. */
	virtual void entry(const EntryPlace &, bool /* good */) {}
	/* Non-zero entries after the end of the list, in its last area. */
	virtual void dead(const EntryPlace &) {}

protected:
	~StoreVisitor() = default;
};

class StoreReader {
public:
	StoreReader(ByteSource &source, const ReadOptions &options);

	/* Reads only the header: the report without the list. */
	const StoreReport &read_header(StoreVisitor &visitor);
	/* Header and list. */
	const StoreReport &read(StoreVisitor &visitor);

private:
	void find(const Finding &finding);
	void find_at_header(FindingKind kind);
	void find_in(const EntryPlace &place, FindingKind kind);
	bool check_header();
	void check_rest_of_header();
	void read_list();
	void read_piece(uint64_t area, uint32_t first_slot, std::span<const std::byte> piece);
	bool check(const EntryPlace &place);

	ByteSource &source_;
	ReadOptions options_;
	StoreVisitor *visitor_ = nullptr;
	StoreReport report_;
	uint64_t old_chunks_ = 0;
	ChunkBudget budget_;
	ChunkSet old_seen_{budget_};
	ChunkSet new_seen_{budget_};
};

} // namespace dmsnap::tool
