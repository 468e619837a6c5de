// SPDX-License-Identifier: GPL-2.0-only
/* dmsnap status: the snapshots of this machine and their health. */
#include "live/status.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include <fmt/format.h>
#include <sys/stat.h>

#include "base/chunk.hpp"
#include "cli/printable.hpp"
#include "cli/text_table.hpp"
#include "cli/units.hpp"
#include "live/device_mapper.hpp"
#include "live/live_json.hpp"
#include "live/prometheus.hpp"
#include "system/new_file.hpp"
#include "system/volume.hpp"

namespace dmsnap::tool {
namespace {

std::string sectors_text(uint64_t sectors)
{
	return size_text(static_cast<double>(sectors) * sector_bytes);
}

/* A merge does not fill its COW device, so it causes no warning. */
bool is_above(const LiveSnapshot &snapshot, std::optional<double> percent)
{
	return percent && snapshot.usage && !snapshot.is_merge &&
	       100 * snapshot.usage->full() > *percent;
}

std::vector<std::string> row_of(const LiveSnapshot &snapshot)
{
	std::string state = snapshot.state_text();
	std::string full = "-", used = "-", metadata = "-";
	if (const std::optional<CowUsage> &usage = snapshot.usage) {
		full = fmt::format("{:.1f} %", 100 * usage->full());
		used = fmt::format("{}/{}", usage->used, usage->total);
		metadata = fmt::format("{}", usage->metadata);
		if (snapshot.is_merge && usage->unmerged())
			state += fmt::format(", {} left", sectors_text(usage->unmerged()));
	}
	return {snapshot.shown_name(),
		state,
		full,
		used,
		metadata,
		sectors_text(snapshot.chunk_sectors),
		snapshot.origin_name,
		snapshot.cow_name};
}

/* The exit codes of monitoring plugins for Nagios and Icinga. */
enum class Plugin : int { ok = 0, warning = 1, critical = 2, unknown = 3 };

/* "'vg/s0'=25.2%;80;95;0;100": quotes in a name are doubled. */
std::string performance(const LiveSnapshot &snapshot, const StatusOptions &options)
{
	std::string name;
	for (char letter : printable(snapshot.shown_name()))
		name += letter == '\'' ? "''" : letter == '=' ? "_" : std::string(1, letter);
	return fmt::format("'{}'={:.1f}%;{};{:g};0;100", name, 100 * snapshot.usage->full(),
			   options.warn_percent ? fmt::format("{:g}", *options.warn_percent) : "",
			   *options.critical_percent);
}

/* One line: the worst state, and the figures after a vertical bar. */
ExitCode plugin(const StatusOptions &options, SnapshotSource &source)
{
	static constexpr const char *names[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
	Plugin worst = Plugin::ok;
	std::string text, numbers;
	auto take = [&](Plugin state, const std::string &what) {
		worst = std::max(worst, state);
		text += (text.empty() ? "" : ", ") + what;
	};

	try {
		std::vector<LiveSnapshot> snapshots = select_snapshots(source, options.names);
		for (const LiveSnapshot &snapshot : snapshots) {
			std::string name = printable(snapshot.shown_name());
			if (snapshot.is_bad())
				take(Plugin::critical,
				     fmt::format("{} is {}", name, snapshot.state_text()));
			else if (is_above(snapshot, options.critical_percent))
				take(Plugin::critical, fmt::format("{} is {:.1f} % full", name,
								   100 * snapshot.usage->full()));
			else if (is_above(snapshot, options.warn_percent))
				take(Plugin::warning, fmt::format("{} is {:.1f} % full", name,
								  100 * snapshot.usage->full()));
			if (snapshot.usage && !snapshot.is_merge)
				numbers += " " + performance(snapshot, options);
		}
		if (text.empty())
			text = fmt::format("{} snapshot{}", snapshots.size(),
					   snapshots.size() == 1 ? "" : "s");
	} catch (const Failure &failure) {
		take(Plugin::unknown, printable(failure.what()));
	}
	/* A vertical bar would end the text. */
	std::ranges::replace(text, '|', '/');
	fmt::print("DMSNAP {} - {}{}{}\n", names[static_cast<int>(worst)], text,
		   numbers.empty() ? "" : " |", numbers);
	return static_cast<ExitCode>(worst);
}

/* Readers see the old or the new file; the exporter must be able to read it. */
void write_whole(const std::string &path, const std::string &text)
{
	constexpr mode_t for_all = 0644;
	NewFile file = is_there(path) ? NewFile::in_place_of(path) : NewFile(path);
	int descriptor = file.take_descriptor();
	FILE *stream = fdopen(descriptor, "w");

	if (!stream)
		throw Failure(fmt::format("{}: {}", path, std::strerror(errno)));
	std::unique_ptr<FILE, decltype([](FILE *one) { std::fclose(one); })> owner(stream);
	if (std::fwrite(text.data(), 1, text.size(), stream) != text.size() ||
	    std::fflush(stream) != 0 || fchmod(descriptor, for_all) != 0)
		throw Failure(fmt::format("{}: writing failed: {}", path, std::strerror(errno)));
	file.appear(descriptor);
}

void report_to_prometheus(const StatusOptions &options, SnapshotSource &source,
			  std::span<const LiveSnapshot> snapshots)
{
	std::vector<Observed> all;
	for (const LiveSnapshot &snapshot : snapshots)
		all.push_back({snapshot, source.stats(snapshot.device)});
	if (options.output.empty())
		fmt::print("{}", prometheus_text(all));
	else
		write_whole(options.output, prometheus_text(all));
}

} // namespace

ExitCode status(const StatusOptions &options, SnapshotSource &source)
{
	if (options.critical_percent)
		return plugin(options, source);
	std::vector<LiveSnapshot> snapshots = select_snapshots(source, options.names);
	uint64_t bad = 0, above = 0;
	for (const LiveSnapshot &snapshot : snapshots) {
		bad += snapshot.is_bad();
		above += is_above(snapshot, options.warn_percent);
	}
	if (options.prometheus) {
		report_to_prometheus(options, source, snapshots);
	} else if (options.json) {
		fmt::print("{}\n", status_json(snapshots, bad, above));
	} else if (snapshots.empty()) {
		fmt::print("There are no snapshots.\n");
	} else {
		TextTable table({"NAME", "STATE", " FULL", " USED SECTORS", " METADATA", " CHUNK",
				 "ORIGIN", "COW DEVICE"});
		for (const LiveSnapshot &snapshot : snapshots)
			table.add(row_of(snapshot));
		for (const std::string &line : table.lines())
			fmt::print("{}\n", line);
	}
	return bad || above ? ExitCode::findings : ExitCode::fine;
}

ExitCode status(const StatusOptions &options)
{
	DeviceMapper machine;
	return status(options, machine);
}

} // namespace dmsnap::tool
