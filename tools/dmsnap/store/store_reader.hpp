// SPDX-License-Identifier: GPL-2.0-only
/*
 * StoreReader: walks a store as the loader does, with the core's codec, but does not stop at
 * errors.  It passes every finding and every entry to a visitor.
 *
 * Its rules are those of the core's loader (store/persistent_load.cpp): each error for which the
 * loader refuses a store is a finding that is not a note, and vice versa.  The list of a store
 * that is marked invalid is read too.
 *
 * Memory: two ChunkSets with a common limit and one piece of an area, whatever the store holds.
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
	/* Unknown: an origin chunk may be anything up to 2^63 bytes. */
	std::optional<uint64_t> origin_bytes;
	format::BlockSizes blocks;
	/* The chunk size to use instead of the header's; 0: the header's. */
	uint32_t chunk_sectors = 0;
	/* For the detection of chunks that are used twice. */
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
	/* There is a list with this layout. */
	bool has_list = false;
	format::Geometry geometry;
	uint64_t device_bytes = 0;
	uint64_t device_chunks = 0;
	/* How many areas fit on the device. */
	uint64_t areas = 0;

	uint64_t entries = 0;
	uint64_t good_entries = 0;
	uint64_t dead_entries = 0;
	/* The list has an end, at this slot. */
	bool ended = false;
	uint64_t end_area = 0;
	uint32_t end_slot = 0;
	/* The chunk after the highest data chunk in a valid entry. */
	NewChunk next_free{2};

	uint64_t findings = 0;
	uint64_t notes = 0;
	/* An area could not be read; nothing after it was read. */
	bool unreadable = false;
	bool short_of_memory = false;
	/* Why not everything was checked; empty if everything was. */
	std::string not_looked_at;

	bool is_store() const { return kind == format::DecodedHeader::Kind::store; }
	uint64_t chunk_bytes() const { return geometry.chunk_size().bytes(); }
	/* How many chunks before next_free hold neither data nor metadata. */
	uint64_t unused_chunks() const;
};

class StoreVisitor {
public:
	virtual void finding(const Finding &) {}
	/* In the order of the list.  @good: there is no finding about it. */
	virtual void entry(const EntryPlace &, bool /* good */) {}
	/* Non-zero entries after the end of the list, in its last area. */
	virtual void dead(const EntryPlace &) {}

protected:
	~StoreVisitor() = default;
};

class StoreReader {
public:
	StoreReader(ByteSource &source, const ReadOptions &options);

	/* Reads only the header: a report without the list. */
	const StoreReport &read_header(StoreVisitor &visitor);
	/* Reads the header and the list. */
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
