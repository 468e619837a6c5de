// SPDX-License-Identifier: GPL-2.0-only
#include "stream/export_stream.hpp"

#include <algorithm>
#include <vector>

#include "cli/progress.hpp"
#include "store/read_pieces.hpp"
#include "stream/change_stream.hpp"
#include "stream/half_applied.hpp"
#include "system/device_name.hpp"

namespace dmsnap::tool {
namespace {

using format::Exception;

/* Entries that are sorted together, so that the origin is read mostly in order; 16 MiB. */
constexpr size_t window_entries = 1 << 20;
/* How much of the volume is read at a time: enough for a disk to choose a good order. */
constexpr size_t batch_bytes = 16 << 20;

class ChangeExporter final : public StoreVisitor {
public:
	ChangeExporter(ChangeSource &source, const StoreReport &report, StreamWriter &stream)
	    : source_(source), chunk_bytes_(report.chunk_bytes()), stream_(stream),
	      progress_("exporting", report.good_entries),
	      base_(std::min<uint64_t>(batch_bytes, source.origin()->bytes())), data_(base_.size())
	{
	}

	void entry(const EntryPlace &place, bool) override
	{
		window_.push_back(place.exception);
		if (window_.size() == window_entries)
			flush();
	}

	void flush()
	{
		std::ranges::sort(window_, {}, &Exception::old_chunk);
		auto rest = std::span<const Exception>(window_);
		while (!rest.empty()) {
			size_t count = consecutive(rest);
			for (uint64_t at = 0; at < count * chunk_bytes_; at += record_bytes_max)
				add_record(rest.first(count), at);
			rest = rest.subspan(count);
			progress_.reached(done_ += count);
		}
		write_batch();
		window_.clear();
	}

private:
	/* A future record; its contents in base_ and data_ start at begin. */
	struct Piece {
		uint64_t offset;
		size_t begin;
		size_t bytes;
	};

	/* How many entries fit into one record. */
	size_t consecutive(std::span<const Exception> entries) const
	{
		size_t most = std::min<size_t>(
			entries.size(), std::max<uint64_t>(record_bytes_max / chunk_bytes_, 1));
		size_t count = 1;
		while (count < most && entries[count].old_chunk == entries[0].old_chunk + count)
			count++;
		return count;
	}

	/* @at: the place of the entries' contents.  The last chunk may extend past the end. */
	void add_record(std::span<const Exception> entries, uint64_t at)
	{
		uint64_t offset = entries[0].old_chunk.value * chunk_bytes_ + at;
		uint64_t end = source_.origin()->bytes();
		if (offset >= end)
			return;
		uint64_t bytes = std::min<uint64_t>(
			{entries.size() * chunk_bytes_ - at, record_bytes_max, end - offset});
		if (used_ + bytes > base_.size())
			write_batch();
		auto base = std::span(base_).subspan(used_, bytes);
		auto data = std::span(data_).subspan(used_, bytes);
		pieces_.push_back({offset, used_, bytes});
		used_ += bytes;
		reads_.push_back({&*source_.origin(), offset, data});
		while (!base.empty()) {
			uint64_t run = contiguous(entries) * chunk_bytes_ - at;
			auto part = base.first(std::min<uint64_t>(run, base.size()));
			reads_.push_back({&source_.cow(),
					  entries[0].new_chunk.value * chunk_bytes_ + at, part});
			base = base.subspan(part.size());
			entries = entries.subspan(contiguous(entries));
			at = 0;
		}
	}

	/* How many entries are consecutive on the COW device. */
	static size_t contiguous(std::span<const Exception> entries)
	{
		size_t count = 1;
		while (count < entries.size() &&
		       entries[count].new_chunk == entries[0].new_chunk + count)
			count++;
		return count;
	}

	void write_batch()
	{
		read_pieces(reads_);
		for (const Piece &piece : pieces_)
			stream_.add(
				piece.offset, std::span(data_).subspan(piece.begin, piece.bytes),
				checksum_of(std::span(base_).subspan(piece.begin, piece.bytes)));
		reads_.clear();
		pieces_.clear();
		used_ = 0;
	}

	ChangeSource &source_;
	uint64_t chunk_bytes_;
	StreamWriter &stream_;
	Progress progress_;
	uint64_t done_ = 0;
	std::vector<Exception> window_;
	std::vector<Piece> pieces_;
	std::vector<ReadPiece> reads_;
	size_t used_ = 0;
	std::vector<std::byte> base_;
	std::vector<std::byte> data_;
};

void export_all(Volume &origin, StreamWriter &stream)
{
	Progress progress("exporting", origin.bytes());
	std::vector<std::byte> data(record_bytes_max);
	const uint64_t end = origin.bytes();
	uint64_t next_data = 0;
	for (uint64_t offset = 0; offset < end; offset += record_bytes_max) {
		auto length =
			static_cast<uint32_t>(std::min<uint64_t>(record_bytes_max, end - offset));
		if (next_data < offset + length)
			next_data = origin.next_data(std::max(offset, next_data));
		if (next_data >= offset + length) {
			stream.add_zeros(offset, length);
		} else {
			auto piece = std::span(data).first(length);
			origin.read_all(offset, piece);
			stream.add(offset, piece, Checksum{});
			next_data = offset + length;
		}
		progress.reached(offset + length);
	}
}

} // namespace

StreamExport::StreamExport(const StoreOptions &options)
{
	if (options.store.empty()) {
		whole_.emplace(path_of(options.origin), Volume::Access::read);
		require_whole(*whole_);
		return;
	}
	IgnoreAll nothing;
	changes_.emplace(options);
	report_ = changes_->read(nothing);
}

uint64_t StreamExport::volume_bytes()
{
	return whole_ ? whole_->bytes() : changes_->origin()->bytes();
}

StreamExport::Figures StreamExport::write(FILE *file)
{
	StreamWriter stream(file, {.full = whole_.has_value(),
				   .volume_bytes = volume_bytes(),
				   .chunk_sectors = whole_ ? 0 : report_.chunk_sectors});
	if (whole_) {
		export_all(*whole_, stream);
	} else {
		ChangeExporter exporter(*changes_, report_, stream);
		changes_->read(exporter);
		exporter.flush();
	}
	stream.end();
	return {.bytes = stream.bytes(), .records = stream.records()};
}

} // namespace dmsnap::tool
