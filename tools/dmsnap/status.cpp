// SPDX-License-Identifier: GPL-2.0-only
/* dmsnap status: the snapshots of this machine, and whether all is well with them. */
#include <fmt/format.h>

#include "base/chunk.hpp"
#include "commands.hpp"
#include "device_mapper.hpp"
#include "live_json.hpp"
#include "text_table.hpp"
#include "units.hpp"

namespace dmsnap::tool {
namespace {

std::string sectors_text(uint64_t sectors)
{
	return size_text(static_cast<double>(sectors) * sector_bytes);
}

/* Of a merge the COW device does not fill: nobody need be warned. */
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

} // namespace

ExitCode status(const StatusOptions &options)
{
	DeviceMapper machine;
	std::vector<LiveSnapshot> snapshots = select_snapshots(machine, options.names);
	uint64_t bad = 0, above = 0;
	for (const LiveSnapshot &snapshot : snapshots) {
		bad += snapshot.is_bad();
		above += is_above(snapshot, options.warn_percent);
	}
	if (options.json) {
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

} // namespace dmsnap::tool
