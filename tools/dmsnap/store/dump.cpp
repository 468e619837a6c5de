// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmsnap dump: prints header, areas and runs of a store, as text, as JSON, or in the form that
 * restore reads (dump_format.hpp).
 */
#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/json_output.hpp"
#include "store/dump_format.hpp"
#include "store/runs.hpp"
#include "store/store_source.hpp"

namespace dmsnap::tool {
namespace {

/* Calls @print_run for each run of the list and of the dead entries behind it. */
template <typename PrintRun> class RunPrinter final : public StoreVisitor {
public:
	explicit RunPrinter(PrintRun print_run) : print_run_(print_run) {}

	void entry(const EntryPlace &place, bool) override { print(runs_.add(place), false); }
	void dead(const EntryPlace &place) override
	{
		if (!in_dead_)
			end();
		in_dead_ = true;
		print(runs_.add(place), true);
	}
	void end() { print(runs_.end(), in_dead_); }

private:
	void print(const std::optional<EntryRun> &run, bool dead)
	{
		if (run)
			print_run_(*run, dead);
	}

	PrintRun print_run_;
	RunBuilder runs_;
	bool in_dead_ = false;
};

void dump_text(StoreReader &reader, const Volume &cow)
{
	uint64_t area = UINT64_MAX;
	auto print_run = [&](const EntryRun &run, bool dead) {
		if (run.first.area != area) {
			area = run.first.area;
			fmt::print("area {}\n", area);
		}
		fmt::print("  entry {:>6}  origin {:>12}  COW {:>12}  count {:>6}{}\n",
			   run.first.slot, run.first.exception.old_chunk.value,
			   run.first.exception.new_chunk.value, run.count, dead ? "  dead" : "");
	};
	IgnoreAll nothing;
	StoreReport report = reader.read_header(nothing);
	require_list(report, cow);
	fmt::print("store {}: {}, version {}, {} sectors a chunk\n", cow.path(),
		   report.valid ? "valid" : "invalid", report.version, report.chunk_sectors);
	fmt::print("device: {} sectors, {} chunks, room for {} areas of {} exceptions\n",
		   report.device_bytes / sector_bytes, report.device_chunks, report.areas,
		   report.geometry.exceptions_per_area());
	RunPrinter printer(print_run);
	report = reader.read(printer);
	printer.end();
	if (report.ended)
		fmt::print("end: area {}, entry {}; {} exceptions\n", report.end_area,
			   report.end_slot, report.entries);
	else
		fmt::print("no end; {} exceptions\n", report.entries);
}

void dump_json(StoreReader &reader, const Volume &cow)
{
	IgnoreAll nothing;
	StoreReport report = reader.read_header(nothing);
	require_list(report, cow);
	JsonOutput json(stdout);
	json.member("store", cow.path());
	json.object("header", {{"magic", report.magic},
			       {"valid", report.valid},
			       {"version", report.version},
			       {"chunk_sectors", report.chunk_sectors}});
	json.object("device", {{"sectors", report.device_bytes / sector_bytes},
			       {"chunks", report.device_chunks},
			       {"areas", report.areas},
			       {"exceptions_per_area", report.geometry.exceptions_per_area()}});
	json.begin_list("runs");
	auto print_run = [&](const EntryRun &run, bool dead) {
		json.item({{"area", run.first.area},
			   {"entry", run.first.slot},
			   {"old_chunk", run.first.exception.old_chunk.value},
			   {"new_chunk", run.first.exception.new_chunk.value},
			   {"count", run.count},
			   {"dead", dead}});
	};
	RunPrinter printer(print_run);
	report = reader.read(printer);
	printer.end();
	json.end();
	json.object("end", {{"found", report.ended},
			    {"area", report.end_area},
			    {"entry", report.end_slot}});
	json.member("exceptions", report.entries);
	json.finish();
}

/* Prints the rows of a part of the device that are not zero. */
void dump_bytes(Volume &cow, uint64_t offset, uint64_t length)
{
	std::vector<std::byte> piece(std::min<uint64_t>(length, 64 << 10));
	for (; length; offset += piece.size(), length -= piece.size()) {
		piece.resize(std::min<uint64_t>(length, piece.size()));
		cow.read_all(offset, piece);
		if (all_zero(piece))
			continue;
		for (size_t at = 0; at < piece.size(); at += dump_row_bytes) {
			auto row = std::span(piece).subspan(at, std::min(dump_row_bytes,
									 piece.size() - at));
			if (!all_zero(row))
				fmt::print("bytes {} {}\n", offset + at, to_hex(row));
		}
	}
}

class DataDumper final : public StoreVisitor {
public:
	DataDumper(Volume &cow, uint64_t chunk_bytes) : cow_(cow), chunk_bytes_(chunk_bytes) {}

	void entry(const EntryPlace &place, bool good) override
	{
		if (good)
			dump_bytes(cow_, place.exception.new_chunk.value * chunk_bytes_,
				   chunk_bytes_);
	}

private:
	Volume &cow_;
	uint64_t chunk_bytes_;
};

void dump_for_restore(StoreSource &source, bool with_data)
{
	Volume &cow = source.cow;
	StoreReader reader(cow, source.read_options);
	IgnoreAll nothing;
	StoreReport report = reader.read_header(nothing);
	require_list(report, cow);

	fmt::print("{}\nsectors {}\nmagic {}\nvalid {}\nversion {}\nchunk-sectors {}\n",
		   dump_first_line, report.device_bytes / sector_bytes, report.magic, report.valid,
		   report.version, report.chunk_sectors);
	uint64_t header_end = std::min(report.chunk_bytes(), report.device_bytes);
	dump_bytes(cow, format::header_bytes, header_end - format::header_bytes);

	uint64_t areas = 0, slot = 0;
	auto begin_area = [&](uint64_t area) {
		for (; areas <= area; areas++) {
			fmt::print("area {}\n", areas);
			slot = 0;
		}
	};
	RunPrinter printer([&](const EntryRun &run, bool) {
		begin_area(run.first.area);
		if (slot != run.first.slot)
			fmt::print("entry {}\n", run.first.slot);
		fmt::print("run {} {} {}\n", run.first.exception.old_chunk.value,
			   run.first.exception.new_chunk.value, run.count);
		slot = run.first.slot + run.count;
	});
	report = reader.read(printer);
	printer.end();
	if (!report.not_looked_at.empty() && !report.ended)
		throw Failure(fmt::format("{}: {}", cow.path(), report.not_looked_at));
	/* The area in which the list ends may be all zeros. */
	if (report.ended)
		begin_area(report.end_area);

	if (with_data) {
		DataDumper data(cow, report.chunk_bytes());
		StoreReader again(cow, source.read_options);
		again.read(data);
	}
	fmt::print("{}\n", dump_last_line);
}

} // namespace

ExitCode dump(const DumpOptions &options)
{
	StoreSource source(options.store);
	if (options.for_restore) {
		dump_for_restore(source, options.with_data);
		return ExitCode::fine;
	}
	StoreReader reader(source.cow, source.read_options);
	if (options.json)
		dump_json(reader, source.cow);
	else
		dump_text(reader, source.cow);
	return ExitCode::fine;
}

} // namespace dmsnap::tool
