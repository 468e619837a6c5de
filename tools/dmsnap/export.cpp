// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmsnap export: what changed on the origin since the snapshot was made, with
 * its data, as a stream.
 *
 * The origin is read, and holds what is new; while it is in use, a younger snapshot of
 * it holds that.  What a chunk held when the snapshot
 * was made is in the COW device, if nobody wrote to the snapshot; its checksum
 * goes with the data, so that apply can tell whether a copy is the right one.
 */
#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "change_source.hpp"
#include "change_stream.hpp"
#include "commands.hpp"
#include "device_name.hpp"
#include "json_output.hpp"
#include "output_file.hpp"
#include "progress.hpp"

namespace dmsnap::tool {
namespace {

using format::Exception;

/* Sorted together, so that the origin is read mostly in order; 16 MiB. */
constexpr size_t window_entries = 1 << 20;

class ChangeExporter final : public StoreVisitor {
public:
	ChangeExporter(ChangeSource &source, const StoreReport &report, StreamWriter &stream)
	    : source_(source), chunk_bytes_(report.chunk_bytes()), stream_(stream),
	      progress_("exporting", report.good_entries)
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
			if (chunk_bytes_ > record_bytes_max)
				export_chunk(rest[0]);
			else
				export_chunks(rest.first(count));
			rest = rest.subspan(count);
			progress_.reached(done_ += count);
		}
		window_.clear();
	}

private:
	/* As many as go into one record. */
	size_t consecutive(std::span<const Exception> entries) const
	{
		size_t most = std::min<size_t>(
			entries.size(), std::max<uint64_t>(record_bytes_max / chunk_bytes_, 1));
		size_t count = 1;
		while (count < most && entries[count].old_chunk == entries[0].old_chunk + count)
			count++;
		return count;
	}

	void export_chunks(std::span<const Exception> entries)
	{
		base_.resize(entries.size() * chunk_bytes_);
		for (size_t i = 0; i < entries.size(); i++)
			source_.cow().read_all(entries[i].new_chunk.value * chunk_bytes_,
					       std::span(base_).subspan(i * chunk_bytes_,
									chunk_bytes_));
		export_piece(entries[0].old_chunk.value * chunk_bytes_);
	}

	void export_chunk(const Exception &entry)
	{
		base_.resize(record_bytes_max);
		for (uint64_t at = 0; at < chunk_bytes_; at += record_bytes_max) {
			source_.cow().read_all(entry.new_chunk.value * chunk_bytes_ + at, base_);
			export_piece(entry.old_chunk.value * chunk_bytes_ + at);
		}
	}

	/* What base_ is the base of; the last chunk may reach beyond the end. */
	void export_piece(uint64_t offset)
	{
		uint64_t end = source_.origin()->bytes();
		if (offset >= end)
			return;
		data_.resize(std::min<uint64_t>(base_.size(), end - offset));
		source_.origin()->read_all(offset, data_);
		stream_.add(offset, data_, checksum_of(std::span(base_).first(data_.size())));
	}

	ChangeSource &source_;
	uint64_t chunk_bytes_;
	StreamWriter &stream_;
	Progress progress_;
	uint64_t done_ = 0;
	std::vector<Exception> window_;
	std::vector<std::byte> base_;
	std::vector<std::byte> data_;
};

void export_all(Volume &origin, StreamWriter &stream)
{
	Progress progress("exporting", origin.bytes());
	std::vector<std::byte> data;
	for (uint64_t offset = 0; offset < origin.bytes(); offset += data.size()) {
		data.resize(std::min<uint64_t>(record_bytes_max, origin.bytes() - offset));
		origin.read_all(offset, data);
		stream.add(offset, data, Checksum{});
		progress.reached(offset + data.size());
	}
}

void report_export(const ExportOptions &options, const StreamWriter &stream)
{
	/* Standard output may be the stream's. */
	FILE *out = options.output.empty() ? stderr : stdout;
	if (!options.json) {
		fmt::print(out, "exported {} bytes in {} records\n", stream.bytes(),
			   stream.records());
		return;
	}
	JsonOutput json(out);
	json.members(
		{{"full", options.full}, {"bytes", stream.bytes()}, {"records", stream.records()}});
	json.finish();
}

} // namespace

ExitCode export_changes(const ExportOptions &options)
{
	if (options.store.origin.empty())
		throw Failure("tell the origin");
	if (options.full != options.store.store.empty())
		throw Failure("tell either a store or --full");
	if (options.full) {
		Volume origin(path_of(options.store.origin), Volume::Access::read);
		OutputFile output(options.output);
		StreamWriter stream(output.get(), {.full = true, .volume_bytes = origin.bytes()});
		export_all(origin, stream);
		stream.end();
		output.end();
		report_export(options, stream);
		return ExitCode::fine;
	}

	ChangeSource source(options.store);
	IgnoreAll nothing;
	StoreReport report = source.read(nothing);
	OutputFile output(options.output);
	StreamWriter stream(output.get(), {.volume_bytes = source.origin()->bytes(),
					   .chunk_sectors = report.chunk_sectors});
	ChangeExporter exporter(source, report, stream);
	source.read(exporter);
	exporter.flush();
	stream.end();
	output.end();
	report_export(options, stream);
	return ExitCode::fine;
}

} // namespace dmsnap::tool
