// SPDX-License-Identifier: GPL-2.0-only
#include "store/store_reader.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "system/volume.hpp"

namespace dmsnap::tool {
namespace {

using Kind = format::DecodedHeader::Kind;

/* How much of an area is read at a time. */
constexpr uint64_t piece_bytes_max = 64 << 10;
/* No device is larger. */
constexpr uint64_t device_bytes_max = uint64_t{INT64_MAX};

} // namespace

uint64_t StoreReport::unused_chunks() const
{
	uint64_t metadata = 1 + geometry.areas_in(next_free.value);
	return next_free.value - metadata - good_entries;
}

StoreReader::StoreReader(ByteSource &source, const ReadOptions &options)
    : source_(source), options_(options), budget_(options.memory_bytes)
{
}

void StoreReader::find(const Finding &finding)
{
	(finding.kind.is_note ? report_.notes : report_.findings)++;
	visitor_->finding(finding);
}

void StoreReader::find_at_header(FindingKind kind)
{
	find({.kind = kind, .chunk = 0});
}

void StoreReader::find_in(const EntryPlace &place, FindingKind kind)
{
	NewChunk chunk = report_.geometry.area_chunk(place.area);
	find({
		.kind = kind,
		.offset =
			chunk.value * report_.chunk_bytes() + place.slot * format::exception_bytes,
		.chunk = chunk.value,
		.area = place.area,
		.entry = place,
	});
}

const StoreReport &StoreReader::read_header(StoreVisitor &visitor)
{
	visitor_ = &visitor;
	report_ = {};
	report_.device_bytes = source_.bytes() / sector_bytes * sector_bytes;
	report_.has_list = check_header();
	return report_;
}

const StoreReport &StoreReader::read(StoreVisitor &visitor)
{
	read_header(visitor);
	if (report_.has_list) {
		check_rest_of_header();
		read_list();
	}
	return report_;
}

bool StoreReader::check_header()
{
	std::byte sector[sector_bytes] = {};

	if (report_.device_bytes < sector_bytes) {
		find_at_header(kind_of(Error::device_too_small));
		return false;
	}
	if (!source_.read(0, sector)) {
		find_at_header(kind_of(Error::read_failed));
		report_.not_looked_at = "the header cannot be read";
		return false;
	}
	format::DiskHeader disk;
	std::memcpy(&disk, sector, sizeof(disk));
	report_.magic = disk.magic.get();
	report_.valid = disk.valid.get();
	report_.version = disk.version.get();
	report_.chunk_sectors = disk.chunk_size.get();
	report_.kind = format::decode(std::span(sector).first<format::header_bytes>()).kind;

	bool known = report_.kind == Kind::store;
	if (report_.kind == Kind::magic_unknown)
		find_at_header(kind_of(Error::magic_unknown));
	if (report_.kind == Kind::version_unknown)
		find_at_header(kind_of(Error::version_unknown));

	uint32_t chunk_sectors = report_.chunk_sectors;
	if (report_.kind == Kind::blank)
		chunk_sectors = format::default_chunk_sectors(options_.blocks);
	else if (known) {
		if (auto status = format::check_chunk_size(chunk_sectors, options_.blocks);
		    !status) {
			find_at_header(kind_of(status.error()));
			known = false;
		}
	}
	if (options_.chunk_sectors) {
		chunk_sectors = options_.chunk_sectors;
		known = true;
	}
	if (!known && report_.kind != Kind::blank)
		return false;

	report_.geometry = format::Geometry(ChunkSize(chunk_sectors));
	report_.device_chunks = report_.device_bytes / report_.chunk_bytes();
	report_.areas = report_.geometry.areas_in(report_.device_chunks);
	old_chunks_ = report_.geometry.chunk_size().chunks_for(
		options_.origin_bytes.value_or(device_bytes_max) / sector_bytes);
	if (!known) {
		if (report_.areas == 0)
			find_at_header(kind_of(Error::device_too_small));
		return false;
	}
	return true;
}

void StoreReader::check_rest_of_header()
{
	if (report_.is_store() && report_.valid == 0)
		find_at_header(marked_invalid);
	if (report_.is_store() && report_.valid > 1)
		find_at_header(mark_unusual);

	std::vector<std::byte> piece(std::min(report_.chunk_bytes(), piece_bytes_max));
	if (piece.size() <= report_.device_bytes && source_.read(0, piece) &&
	    !all_zero(std::span(piece).subspan(format::header_bytes)))
		find({.kind = header_not_zero, .offset = format::header_bytes, .chunk = 0});
}

void StoreReader::read_list()
{
	std::vector<std::byte> piece(std::min(report_.chunk_bytes(), piece_bytes_max));
	auto slots = static_cast<uint32_t>(piece.size() / format::exception_bytes);
	Progress progress("reading the list, at most", report_.areas * report_.chunk_bytes());

	for (uint64_t area = 0; area < report_.areas; area++) {
		NewChunk chunk = report_.geometry.area_chunk(area);
		uint64_t begin = chunk.value * report_.chunk_bytes();
		for (uint32_t slot = 0; slot < report_.geometry.exceptions_per_area();
		     slot += slots) {
			uint64_t offset = begin + slot * format::exception_bytes;
			if (!source_.read(offset, piece)) {
				find({.kind = kind_of(Error::read_failed),
				      .offset = offset,
				      .chunk = chunk.value,
				      .area = area});
				report_.unreadable = true;
				report_.not_looked_at =
					"an area cannot be read; what follows is not known";
				if (!report_.ended) {
					report_.end_area = area;
					report_.end_slot = slot;
				}
				return;
			}
			read_piece(area, slot, piece);
			progress.reached(area * report_.chunk_bytes() +
					 (slot + slots) * format::exception_bytes);
		}
		if (report_.ended)
			return;
	}
	report_.end_area = report_.areas;
	find({.kind = kind_of(Error::store_unterminated),
	      .offset = report_.device_bytes,
	      .area = report_.areas});
}

void StoreReader::read_piece(uint64_t area, uint32_t first_slot, std::span<const std::byte> piece)
{
	format::AreaView view(piece);
	size_t slot = 0;

	if (!report_.ended) {
		size_t end = view.end_of_list();
		for (; slot < end; slot++) {
			EntryPlace place{area, first_slot + static_cast<uint32_t>(slot),
					 view.read(slot)};
			bool good = check(place);
			report_.entries++;
			report_.good_entries += good;
			visitor_->entry(place, good);
		}
		if (end == view.slots())
			return;
		report_.ended = true;
		report_.end_area = area;
		report_.end_slot = first_slot + static_cast<uint32_t>(end);
	}
	if (all_zero(piece.subspan(slot * format::exception_bytes)))
		return;
	for (; slot < view.slots(); slot++) {
		EntryPlace place{area, first_slot + static_cast<uint32_t>(slot), view.read(slot)};
		if (place.exception == format::Exception{})
			continue;
		report_.dead_entries++;
		find_in(place, dead_entry);
		visitor_->dead(place);
	}
}

bool StoreReader::check(const EntryPlace &place)
{
	auto [old_chunk, new_chunk] = place.exception;
	bool good = true;
	auto bad = [&](Error error) {
		good = false;
		find_in(place, kind_of(error));
	};

	if (new_chunk.value >= report_.device_chunks)
		bad(Error::new_chunk_out_of_range);
	else if (report_.geometry.is_metadata(new_chunk))
		bad(Error::new_chunk_is_metadata);
	if (old_chunk.value >= old_chunks_)
		bad(Error::old_chunk_out_of_range);
	if (!good)
		return false;

	/* A bad entry does not claim its chunk: the next entry with it may be right. */
	if (new_seen_.contains(new_chunk.value))
		bad(Error::new_chunk_duplicate);
	if (old_seen_.contains(old_chunk.value))
		bad(Error::old_chunk_duplicate);
	if (!good)
		return false;
	if (!new_seen_.insert(new_chunk.value) || !old_seen_.insert(old_chunk.value)) {
		report_.short_of_memory = true;
		report_.not_looked_at =
			"not enough memory to look for all chunks that are used twice; "
			"allow more (--memory)";
	}
	report_.next_free = std::max(report_.next_free, new_chunk + 1);
	return true;
}

} // namespace dmsnap::tool
