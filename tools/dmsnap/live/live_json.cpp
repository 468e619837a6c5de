// SPDX-License-Identifier: GPL-2.0-only
#include "live/live_json.hpp"

#include <nlohmann/json.hpp>

#include "base/chunk.hpp"
#include "cli/json_output.hpp"

namespace dmsnap::tool {
namespace {

/* Keeps members in the order of insertion. */
using Json = nlohmann::ordered_json;

std::string dump(const Json &json, int indent)
{
	/* Names that dmsnap did not choose may not be UTF-8. */
	return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

template <typename T> Json or_null(const std::optional<T> &value)
{
	return value ? Json(*value) : Json();
}

Json to_json(const LiveSnapshot &snapshot)
{
	const std::optional<CowUsage> &usage = snapshot.usage;
	Json json = {
		{"name", snapshot.name},
		{"vg", snapshot.vg.empty() ? Json() : Json(snapshot.vg)},
		{"lv", snapshot.lv.empty() ? Json() : Json(snapshot.lv)},
		{"device", to_text(snapshot.device)},
		{"target", snapshot.is_merge ? "snapshot-merge" : "snapshot"},
		{"state", to_text(snapshot.state)},
		{"reason", snapshot.reason.empty() ? Json() : Json(snapshot.reason)},
		{"suspended", snapshot.is_suspended},
		{"origin", snapshot.origin_name},
		{"origin_device", to_text(snapshot.origin)},
		{"cow", snapshot.cow_name},
		{"cow_device", to_text(snapshot.cow)},
		{"store", snapshot.store},
		{"chunk_sectors", snapshot.chunk_sectors},
		{"used_sectors", nullptr},
		{"total_sectors", nullptr},
		{"metadata_sectors", nullptr},
		{"full", nullptr},
		{"unmerged_sectors", nullptr},
	};
	if (usage) {
		json["used_sectors"] = usage->used;
		json["total_sectors"] = usage->total;
		json["metadata_sectors"] = usage->metadata;
		json["full"] = usage->full();
		if (snapshot.is_merge)
			json["unmerged_sectors"] = usage->unmerged();
	}
	return json;
}

} // namespace

std::string status_json(std::span<const LiveSnapshot> snapshots, uint64_t bad,
			uint64_t above_warning)
{
	Json list = Json::array();
	for (const LiveSnapshot &snapshot : snapshots)
		list.push_back(to_json(snapshot));
	return dump({{"schema", json_schema},
		     {"snapshots", list},
		     {"bad", bad},
		     {"above_warning", above_warning}},
		    2);
}

std::string top_json(std::span<const TrendRow> rows, double unix_seconds)
{
	Json list = Json::array();
	for (const TrendRow &row : rows) {
		Json json = to_json(row.snapshot);
		std::optional<double> rate = row.trend.sectors_per_second;
		json["bytes_per_second"] = rate ? Json(*rate * sector_bytes) : Json();
		json["seconds_left"] = or_null(row.trend.seconds_left);
		json["merged"] = or_null(row.trend.merged);
		list.push_back(json);
	}
	return dump({{"schema", json_schema}, {"time", unix_seconds}, {"snapshots", list}}, -1);
}

std::string wait_json(const std::string &name, const std::string &result, const std::string &why,
		      const std::optional<LiveSnapshot> &snapshot)
{
	return dump({{"schema", json_schema},
		     {"name", name},
		     {"result", result},
		     {"why", why},
		     {"snapshot", snapshot ? to_json(*snapshot) : Json()}},
		    -1);
}

} // namespace dmsnap::tool
