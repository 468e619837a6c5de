// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmsnap repair: makes a store that can be loaded from one that cannot.  It first reports what
 * will be lost.
 *
 * The list is rewritten without impossible entries.  If two entries name one chunk the first one
 * stays, because the second is a dead entry that reappeared.
 *
 * An entry moves only towards the beginning, and its old place is overwritten later than its new
 * one.  If the program is killed in between, the store has some entries twice and can be repaired
 * again.  (After a power cut this holds only for a copy, whose original still exists.)  The
 * header is written last.  A copy has no header until the rest is durable, so an interrupted one
 * is not a store.
 */
#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/json_output.hpp"
#include "cli/progress.hpp"
#include "store/finding_text.hpp"
#include "store/list_writer.hpp"
#include "store/store_source.hpp"
#include "stream/contents.hpp"
#include "system/device_name.hpp"

namespace dmsnap::tool {
namespace {

/* Lost chunks beyond this number are only counted. */
constexpr uint64_t listed_max = 1000;

/* What the snapshot will not show any more. */
class Losses final : public StoreVisitor {
public:
	explicit Losses(JsonOutput *json) : json_(json) {}

	void finding(const Finding &finding) override
	{
		/* The chunk is in another entry, or cannot be in a snapshot. */
		if (finding.kind == kind_of(Error::old_chunk_duplicate) ||
		    finding.kind == kind_of(Error::old_chunk_out_of_range))
			keeps_chunk_ = true;
	}

	void entry(const EntryPlace &place, bool good) override
	{
		if (good)
			last_ = place;
		else if (!keeps_chunk_)
			lose(place);
		keeps_chunk_ = false;
	}

	/* The last entry makes room for the end of the list. */
	void lose_last() { lose(last_); }

	uint64_t lost = 0;

private:
	void lose(const EntryPlace &place)
	{
		if (++lost > listed_max)
			return;
		uint64_t old_chunk = place.exception.old_chunk.value;
		if (json_)
			json_->item({{"area", place.area},
				     {"entry", place.slot},
				     {"old_chunk", old_chunk}});
		else
			fmt::print(
				"lost: origin chunk {} (area {}, entry {}): the snapshot will show "
				"what the origin holds now\n",
				old_chunk, place.area, place.slot);
	}

	JsonOutput *json_;
	bool keeps_chunk_ = false;
	EntryPlace last_;
};

struct Plan {
	/* How many valid entries stay. */
	uint64_t kept = 0;
	uint64_t dropped = 0;
	bool rewrite_list = false;
	bool cut_tail = false;
	/* The tail cannot be read, so its contents are unknown. */
	bool unknown_tail = false;
	bool rewrite_header = false;
	bool valid = false;
	uint32_t chunk_sectors = 0;
	uint64_t lost = 0;

	bool empty() const { return !rewrite_list && !rewrite_header; }
};

Plan make_plan(const RepairOptions &options, const StoreReport &report, Losses &losses)
{
	Plan plan;
	uint64_t slots = report.areas * report.geometry.exceptions_per_area();

	plan.kept = report.good_entries;
	plan.dropped = report.entries - report.good_entries;
	plan.cut_tail = !report.ended;
	plan.unknown_tail = !report.ended && report.end_area < report.areas;
	if (plan.cut_tail && plan.kept == slots) {
		plan.kept--;
		plan.dropped++;
		losses.lose_last();
	}
	plan.rewrite_list = plan.dropped || plan.cut_tail || report.dead_entries ||
			    report.unreadable;
	plan.chunk_sectors = report.geometry.chunk_size().sectors();

	bool header_good = report.is_store() && plan.chunk_sectors == report.chunk_sectors;
	plan.valid = (report.is_store() && report.valid) || options.force;
	plan.rewrite_header = !header_good || plan.valid != (report.valid != 0);
	plan.lost = losses.lost;
	return plan;
}

void print_plan(const RepairOptions &options, const StoreReport &report, const Plan &plan)
{
	if (plan.lost > listed_max)
		fmt::print("lost: {} more chunks\n", plan.lost - listed_max);
	if (plan.unknown_tail)
		fmt::print("lost: all exceptions from area {}, entry {} on, which cannot be read\n",
			   report.end_area, report.end_slot);
	if (plan.empty()) {
		fmt::print("nothing to repair{}\n",
			   report.valid
				   ? ""
				   : "; the store stays marked invalid (--force marks it valid)");
		return;
	}
	fmt::print("entries: {}, kept: {}, dropped: {}; lost chunks of the snapshot: {}\n",
		   report.entries, plan.kept, plan.dropped, plan.lost);
	if (plan.cut_tail)
		fmt::print("the list gets an end\n");
	if (report.dead_entries)
		fmt::print("{} dead entries after the end are wiped\n", report.dead_entries);
	if (plan.rewrite_header)
		fmt::print("the header is rewritten: {} sectors a chunk, {}\n", plan.chunk_sectors,
			   plan.valid ? "valid" : "invalid");
	if (!plan.valid)
		fmt::print(
			"the store {} marked invalid; --force marks it valid, whatever was lost\n",
			report.is_store() ? "stays" : "becomes one that is");
	if (options.output.empty() && !options.in_place)
		fmt::print(
			"nothing was written: --output makes a repaired copy, --in-place repairs "
			"the store itself\n");
}

class ListRewriter final : public StoreVisitor {
public:
	ListRewriter(Volume &cow, const format::Geometry &geometry, uint64_t kept)
	    : writer_(cow, geometry), geometry_(geometry), kept_(kept)
	{
	}

	void entry(const EntryPlace &place, bool good) override
	{
		if (!good || next_ == kept_)
			return;
		EntryPlace to{geometry_.area_of_exception(next_),
			      geometry_.slot_of_exception(next_), place.exception};
		next_++;
		if (to.area != place.area || to.slot != place.slot)
			writer_.write(to);
	}

	void end()
	{
		writer_.zero_rest(geometry_.area_of_exception(kept_),
				  geometry_.slot_of_exception(kept_));
	}

private:
	ListWriter writer_;
	format::Geometry geometry_;
	uint64_t kept_;
	uint64_t next_ = 0;
};

/* @to: the store itself, or a copy of it without the header. */
void write_repaired(StoreSource &source, Volume &to, const StoreReport &report, const Plan &plan)
{
	const bool is_copy = &to != &source.cow;

	if (plan.rewrite_list) {
		ListRewriter rewriter(to, report.geometry, plan.kept);
		StoreReader reader(source.cow, source.read_options);
		reader.read(rewriter);
		rewriter.end();
	}
	to.sync();
	if (is_copy || plan.rewrite_header) {
		std::byte sector[sector_bytes];
		if (plan.rewrite_header)
			format::encode({.valid = plan.valid, .chunk_sectors = plan.chunk_sectors},
				       sector);
		else
			source.cow.read_all(0, sector);
		to.write(0, sector);
		to.sync();
	}

	ReadOptions as_it_is = source.read_options;
	as_it_is.chunk_sectors = 0;
	StoreReader reader(to, as_it_is);
	IgnoreAll nothing;
	const StoreReport &now = reader.read(nothing);
	/* The invalid mark is a finding, and may be intended. */
	if (!now.has_list || now.findings != (plan.valid ? 0 : 1) || !now.ended)
		throw Failure(to.path() +
				      ": still has findings after the repair; see \"dmsnap check\"",
			      ExitCode::findings);
}

/* Copies all but the header, which becomes zeros. */
void copy_rest(Volume &from, Volume &to)
{
	if (to.bytes() < from.bytes())
		throw Failure(fmt::format("{}: {} bytes, but the store has {}", to.path(),
					  to.bytes(), from.bytes()));
	to.zero(0, sector_bytes);
	to.sync();
	Progress progress("copying", from.bytes());
	std::vector<std::byte> piece;
	for (uint64_t offset = 0; offset < from.bytes(); offset += piece.size()) {
		piece.resize(std::min<uint64_t>(from.bytes() - offset, 1 << 20));
		from.read_all(offset, piece);
		if (offset == 0)
			std::fill_n(piece.begin(), sector_bytes, std::byte{0});
		if (to.is_block_device() || !all_zero(piece))
			to.write(offset, piece);
		progress.reached(offset);
	}
}

Volume open_output(const RepairOptions &options, const Volume &store)
{
	const std::string path = path_of(options.output);
	if (!is_there(path))
		return Volume::create(path, store.bytes(),
				      store.is_block_device() ? 0600 : store.mode());
	Volume output(path, Volume::Access::write);
	if (!output.is_block_device())
		throw Failure(options.output + ": is there already");
	if (!options.overwrite)
		require_nothing_on(output);
	return output;
}

void require_repairable(const RepairOptions &options, const StoreReport &report, const Volume &cow)
{
	const std::string &store = cow.path();

	if (report.kind == format::DecodedHeader::Kind::blank && !options.chunk_sectors)
		throw Failure(store + ": there is no store: the first 4 bytes are zero",
			      ExitCode::findings);
	if (report.kind == format::DecodedHeader::Kind::version_unknown && !options.chunk_sectors)
		throw Failure(fmt::format("{}: a store of version {}, which this program does not "
					  "know; --chunk-size treats it as version 1",
					  store, report.version),
			      ExitCode::findings);
	if (!report.has_list && report.not_looked_at.empty())
		throw Failure(store + ": the header has no usable chunk size; give it with "
				      "--chunk-size",
			      ExitCode::findings);
	require_list(report, cow);
	if (report.areas == 0)
		throw Failure(store + ": too small for the header and an area", ExitCode::findings);
}

} // namespace

ExitCode repair(const RepairOptions &options)
{
	StoreSource source(options.store,
			   options.in_place ? Volume::Access::write : Volume::Access::read);
	if (options.chunk_sectors) {
		auto status =
			format::check_chunk_size(options.chunk_sectors, source.read_options.blocks);
		if (!status)
			throw Failure(fmt::format("--chunk-size {}: {}", options.chunk_sectors,
						  to_text(status.error())));
	}
	source.read_options.chunk_sectors = options.chunk_sectors;
	StoreReader reader(source.cow, source.read_options);
	IgnoreAll nothing;
	require_repairable(options, reader.read_header(nothing), source.cow);

	std::optional<JsonOutput> json;
	if (options.json) {
		json.emplace(stdout);
		json->begin_list("lost");
	}
	Losses losses(json ? &*json : nullptr);
	StoreReport report = reader.read(losses);
	if (report.short_of_memory)
		throw Failure(fmt::format("{}: {}", options.store.store, report.not_looked_at));

	Plan plan = make_plan(options, report, losses);
	bool write = !plan.empty() && (options.in_place || !options.output.empty());
	if (json) {
		json->end();
		json->members({{"entries", report.entries},
			       {"kept", plan.kept},
			       {"dropped", plan.dropped},
			       {"lost_chunks", plan.lost},
			       {"lost_tail", plan.unknown_tail},
			       {"dead_entries", report.dead_entries},
			       {"valid", plan.valid},
			       {"nothing_to_do", plan.empty()}});
	} else {
		print_plan(options, report, plan);
	}
	std::fflush(stdout);

	if (write && options.in_place) {
		write_repaired(source, source.cow, report, plan);
	} else if (write) {
		Volume output = open_output(options, source.cow);
		copy_rest(source.cow, output);
		write_repaired(source, output, report, plan);
		output.appear();
	}
	if (json) {
		json->member("repaired", write);
		json->finish();
	} else if (write) {
		fmt::print("{} is repaired\n",
			   options.in_place ? options.store.store : options.output);
	}
	return plan.empty() || write ? ExitCode::fine : ExitCode::findings;
}

} // namespace dmsnap::tool
