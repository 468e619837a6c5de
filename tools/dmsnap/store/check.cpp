// SPDX-License-Identifier: GPL-2.0-only
/* dmsnap check: reports everything that is wrong with a store. */
#include <map>
#include <string_view>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/json_output.hpp"
#include "cli/printable.hpp"
#include "live/live_store.hpp"
#include "store/finding_text.hpp"
#include "store/store_source.hpp"
#include "stream/contents.hpp"
#include "system/device_name.hpp"

namespace dmsnap::tool {
namespace {

/* Lists the first findings of each kind and counts all. */
class Findings final : public StoreVisitor {
public:
	Findings(uint64_t most, JsonOutput *json) : most_(most), json_(json) {}

	void finding(const Finding &finding) override
	{
		if (++counts_[finding.kind.name] > most_)
			return;
		if (json_)
			json_->item({{"kind", finding.kind.name},
				     {"text", finding.kind.text},
				     {"note", finding.kind.is_note},
				     {"offset", finding.offset},
				     {"chunk", or_null(finding.chunk)},
				     {"area", or_null(finding.area)},
				     {"entry",
				      finding.entry ? JsonValue(finding.entry->slot) : nullptr},
				     {"old_chunk",
				      finding.entry
					      ? JsonValue(finding.entry->exception.old_chunk.value)
					      : nullptr},
				     {"new_chunk",
				      finding.entry
					      ? JsonValue(finding.entry->exception.new_chunk.value)
					      : nullptr}});
		else
			fmt::print("{}\n", to_text(finding));
	}

	void print_rest() const
	{
		for (const auto &[name, count] : counts_) {
			if (count > most_)
				fmt::print("{} more of {}\n", count - most_, name);
		}
	}

	void print_counts(JsonOutput &json) const
	{
		json.begin_list("counts");
		for (const auto &[name, count] : counts_)
			json.item({{"kind", std::string(name)}, {"count", count}});
		json.end();
	}

private:
	static JsonValue or_null(const std::optional<uint64_t> &number)
	{
		return number ? JsonValue(*number) : nullptr;
	}

	uint64_t most_;
	JsonOutput *json_;
	std::map<std::string_view, uint64_t> counts_;
};

ExitCode exit_code(const StoreReport &report)
{
	if (report.findings)
		return ExitCode::findings;
	return report.not_looked_at.empty() ? ExitCode::fine : ExitCode::failed;
}

bool has_header(const StoreReport &report)
{
	return report.device_bytes && report.not_looked_at.empty();
}

/* Prints what was found instead of a header. */
void print_header(const StoreReport &report, const std::string &contents)
{
	/* So do many file systems begin. */
	if (report.kind == format::DecodedHeader::Kind::blank) {
		fmt::print("no store: the first 4 bytes are zero, a new one would be made "
			   "here{}{}\n",
			   contents.empty() ? "" : ", over ", printable(contents));
		return;
	}
	fmt::print("the header says: magic {:#010x}, version {}, {} sectors a chunk\n",
		   report.magic, report.version, report.chunk_sectors);
	if (report.kind == format::DecodedHeader::Kind::magic_unknown)
		fmt::print("this is not a store, but holds {}\n", printable(contents));
}

void print_summary(const StoreReport &report)
{
	if (report.has_list) {
		fmt::print("{}, version {}, {} sectors a chunk: {} exceptions, {} of {} chunks in "
			   "use, {} left unused between them\n",
			   report.valid ? "valid" : "invalid", report.version, report.chunk_sectors,
			   report.entries,
			   1 + report.geometry.areas_in(report.next_free.value) +
				   report.good_entries,
			   report.device_chunks, report.unused_chunks());
	}
	if (!report.not_looked_at.empty())
		fmt::print("not everything was checked: {}\n", report.not_looked_at);
	fmt::print("{} found wrong, {} noted\n", report.findings, report.notes);
}

/* The store; for an active snapshot, the part that it committed on request. */
class CheckedStore {
public:
	explicit CheckedStore(const StoreOptions &options) : options_(options)
	{
		if (auto snapshot = machine_.snapshot_on(path_of(options.store)))
			live_.emplace(machine_, *snapshot);
		else
			store_.emplace(options);
	}

	StoreReport read(StoreVisitor &visitor)
	{
		if (live_)
			return live_->walk(visitor, options_.memory_bytes);
		StoreReport report = StoreReader(store_->cow, store_->read_options).read(visitor);
		if (has_header(report) && !report.is_store())
			look_for_others(report, visitor);
		return report;
	}

	/* What is there instead of a store; empty if it is zeros. */
	const std::string &contents() const { return contents_; }

	JsonValue committed() const { return live_ ? JsonValue(live_->entries()) : nullptr; }

private:
	/*
	 * Data that libblkid does not know is no finding: LVM2 wipes only the beginning of a new
	 * COW device.
	 */
	void look_for_others(StoreReport &report, StoreVisitor &visitor)
	{
		contents_ = known_contents(store_->cow);
		if (contents_.empty()) {
			contents_ = contents_of(store_->cow);
		} else if (report.kind == format::DecodedHeader::Kind::blank) {
			report.findings++;
			visitor.finding({.kind = other_contents, .chunk = 0});
		}
	}

	const StoreOptions &options_;
	DeviceMapper machine_;
	std::optional<LiveStore> live_;
	std::optional<StoreSource> store_;
	std::string contents_;
};

} // namespace

ExitCode check(const CheckOptions &options)
{
	CheckedStore store(options.store);

	if (!options.json) {
		Findings findings(options.findings_max, nullptr);
		const StoreReport report = store.read(findings);
		findings.print_rest();
		if (!report.has_list && has_header(report))
			print_header(report, store.contents());
		print_summary(report);
		return exit_code(report);
	}

	JsonOutput json(stdout);
	Findings findings(options.findings_max, &json);
	json.member("store", options.store.store);
	json.begin_list("findings");
	const StoreReport report = store.read(findings);
	json.end();
	findings.print_counts(json);
	json.members(
		{{"is_store", report.is_store()},
		 {"valid", report.is_store() && report.valid != 0},
		 {"version", report.version},
		 {"chunk_sectors", report.chunk_sectors},
		 {"contents",
		  store.contents().empty() ? JsonValue(nullptr) : JsonValue(store.contents())},
		 {"device_bytes", report.device_bytes},
		 {"device_chunks", report.device_chunks},
		 {"exceptions", report.entries},
		 {"committed", store.committed()},
		 {"unused_chunks", report.has_list ? JsonValue(report.unused_chunks()) : nullptr},
		 {"wrong", report.findings},
		 {"notes", report.notes},
		 {"not_looked_at",
		  report.not_looked_at.empty() ? JsonValue(nullptr) : report.not_looked_at}});
	json.finish();
	return exit_code(report);
}

} // namespace dmsnap::tool
