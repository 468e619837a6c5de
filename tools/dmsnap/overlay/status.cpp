// SPDX-License-Identifier: GPL-2.0-only
/* dmsnap overlay status, and what other commands print about overlays. */
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/chunk.hpp"
#include "cli/json_output.hpp"
#include "cli/printable.hpp"
#include "cli/text_table.hpp"
#include "cli/units.hpp"
#include "overlay/commands.hpp"

namespace dmsnap::tool {
namespace {

using Json = nlohmann::ordered_json;

std::string where(const Overlay &overlay)
{
	return overlay.is_in_memory ? "memory" : overlay.file.empty() ? "-" : overlay.file;
}

Json to_json(const Overlay &overlay)
{
	Json json = {{"name", overlay.name},
		     {"path", overlay.device ? Json(overlay.path()) : Json()},
		     {"origin", overlay.origin().empty() ? Json() : Json(overlay.origin())},
		     {"state", overlay.state()},
		     {"bad", overlay.is_bad()},
		     {"users", overlay.device ? Json(overlay.device->users) : Json()},
		     {"in_memory", overlay.is_in_memory},
		     {"file", overlay.file.empty() ? Json() : Json(overlay.file)},
		     {"used_bytes", nullptr},
		     {"total_bytes", nullptr},
		     {"full", nullptr}};
	if (overlay.snapshot && overlay.snapshot->usage) {
		const CowUsage &usage = *overlay.snapshot->usage;
		json["used_bytes"] = usage.used * sector_bytes;
		json["total_bytes"] = usage.total * sector_bytes;
		json["full"] = usage.full();
	}
	return json;
}

bool is_above(const Overlay &overlay, double percent)
{
	return overlay.snapshot && overlay.snapshot->usage && !overlay.snapshot->is_merge &&
	       100 * overlay.snapshot->usage->full() > percent;
}

std::vector<std::string> row_of(const Overlay &overlay)
{
	std::string full = "-", size = "-";
	if (overlay.snapshot && overlay.snapshot->usage) {
		const CowUsage &usage = *overlay.snapshot->usage;
		full = fmt::format("{:.1f} %", 100 * usage.full());
		size = size_text(static_cast<double>(usage.total) * sector_bytes);
	}
	return {overlay.device ? overlay.path() : overlay.name,	   overlay.state(), full, size,
		overlay.origin().empty() ? "-" : overlay.origin(), where(overlay)};
}

void print_list(const Json &list)
{
	Json document = {{"schema", json_schema}, {"overlays", list}};
	fmt::print("{}\n", document.dump(2, ' ', false, Json::error_handler_t::replace));
}

} // namespace

void print_json(const std::vector<Overlay> &overlays)
{
	Json list = Json::array();
	for (const Overlay &overlay : overlays)
		list.push_back(to_json(overlay));
	print_list(list);
}

void print_done(const std::vector<Overlay> &overlays, bool json, const char *what)
{
	Json list = Json::array();
	for (const Overlay &overlay : overlays) {
		list.push_back({{"name", overlay.name}, {"result", what}});
		if (!json)
			fmt::print("{}: {}\n", printable(overlay.name), what);
	}
	if (json)
		print_list(list);
}

ExitCode overlay_status(const OverlayOptions &options)
{
	std::vector<Overlay> overlays = options.names.empty()
						? find_overlays(options.folder)
						: select_overlays(options.folder, options.names);
	bool is_well = true;
	TextTable table({"OVERLAY", "STATE", " FULL", " SIZE", "OVER", "CHANGES IN"});
	for (const Overlay &overlay : overlays) {
		table.add(row_of(overlay));
		is_well &= !overlay.is_bad() && !is_above(overlay, options.warn_percent);
	}
	if (options.json) {
		print_json(overlays);
	} else if (overlays.empty()) {
		fmt::print("There are no overlays.\n");
	} else {
		for (const std::string &line : table.lines())
			fmt::print("{}\n", line);
	}
	for (const Overlay &overlay : overlays) {
		if (is_above(overlay, options.warn_percent))
			fmt::print(
				stderr,
				"dmsnap: {} is {:.1f} % full: make it larger with \"dmsnap overlay "
				"extend\", or its changes will be lost\n",
				printable(overlay.name), 100 * overlay.snapshot->usage->full());
	}
	return is_well ? ExitCode::fine : ExitCode::findings;
}

} // namespace dmsnap::tool
