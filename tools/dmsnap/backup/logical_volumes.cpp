// SPDX-License-Identifier: GPL-2.0-only
#include "backup/logical_volumes.hpp"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "live/lvm2.hpp"
#include "system/child.hpp"
#include "system/failure.hpp"
#include "system/interruption.hpp"
#include "system/whole_number.hpp"

namespace dmsnap::tool {
namespace {

using Json = nlohmann::json;

constexpr const char *common_tag = "dmsnap";

std::string tag_of(const Config &config, Purpose purpose)
{
	return (purpose == Purpose::backup ? "dmsnap-backup:" : "dmsnap:") + config.name;
}

std::string prefix_of(const Config &config, Purpose purpose)
{
	return config.name + (purpose == Purpose::backup ? ".backup." : ".");
}

/* "-L 1073741824b", "-l 20%ORIGIN" */
std::vector<std::string> size_words(const Amount &amount, const char *sign)
{
	if (amount.percent)
		return {"-l", fmt::format("{}{}%ORIGIN", sign, amount.percent)};
	return {"-L", fmt::format("{}{}b", sign, amount.bytes)};
}

std::string text(const Json &row, const char *name)
{
	if (!row.contains(name) || !row[name].is_string())
		throw Failure(fmt::format("lvs does not tell {}", name));
	return row[name];
}

bool has_tag(const std::string &tags, const std::string &tag)
{
	return ("," + tags + ",").find("," + tag + ",") != std::string::npos;
}

/* Positions in lv_attr (lvs(8)): the type, the state, and whether it is open. */
constexpr size_t type_at = 0, state_at = 4, open_at = 5;

std::optional<OwnSnapshot> take_row(const Json &row, const Config &config, Purpose purpose)
{
	OwnSnapshot snapshot;
	const std::string prefix = prefix_of(config, purpose), tags = text(row, "lv_tags");

	snapshot.lv = text(row, "lv_name");
	if (!has_tag(tags, common_tag) || !has_tag(tags, tag_of(config, purpose)) ||
	    text(row, "origin") != config.lv || !snapshot.lv.starts_with(prefix))
		return {};
	std::optional<int64_t> time = time_of(snapshot.lv.substr(prefix.size()));
	const std::string attributes = text(row, "lv_attr");
	if (!time || attributes.size() <= open_at || attributes[type_at] != 's')
		return {};
	snapshot.time = *time;
	snapshot.volume = config.vg + "/" + snapshot.lv;
	snapshot.uuid = text(row, "lv_uuid");
	snapshot.path = text(row, "lv_path");
	snapshot.bytes = whole_number(text(row, "lv_size")).value_or(0);
	snapshot.is_invalid = attributes[state_at] == 'I' || attributes[state_at] == 'S';
	snapshot.is_open = attributes[open_at] == 'o';
	return snapshot;
}

std::string run_hook(const std::string &command, const char *which, const Config &config,
		     const std::string &snapshot)
{
	if (command.empty())
		return {};
	Child child({"/bin/sh", "-c", command},
		    environment_with({"DMSNAP_NAME=" + config.name,
				      "DMSNAP_VOLUME=" + config.volume(),
				      "DMSNAP_SNAPSHOT=" + snapshot}),
		    Child::Pipe::none);
	std::string trouble = child.end();
	return trouble.empty() ? "" : fmt::format("the command \"{}\": {}", which, trouble);
}

} // namespace

std::string snapshot_name(const Config &config, Purpose purpose, int64_t time)
{
	return prefix_of(config, purpose) + stamp_of(time);
}

std::vector<OwnSnapshot> own_snapshots(const Config &config, Purpose purpose)
{
	std::vector<OwnSnapshot> found;
	bool has_origin = false;
	Json report = Json::parse(
		lvm2_output({"lvs", "--reportformat", "json", "--units", "b", "--nosuffix", "-o",
			     "lv_name,lv_uuid,lv_path,lv_size,lv_attr,lv_tags,origin", config.vg}),
		nullptr, false);
	if (!report.is_object() || !report.contains("report") || !report["report"].is_array() ||
	    report["report"].size() != 1 || !report["report"][0].contains("lv"))
		throw Failure("the output of lvs is not JSON");
	for (const Json &row : report["report"][0]["lv"]) {
		has_origin = has_origin || text(row, "lv_name") == config.lv;
		if (std::optional<OwnSnapshot> snapshot = take_row(row, config, purpose))
			found.push_back(std::move(*snapshot));
	}
	if (!has_origin)
		throw Failure(fmt::format("there is no logical volume {}", config.volume()));
	std::ranges::sort(found, {}, &OwnSnapshot::time);
	return found;
}

std::string make_snapshot(const Config &config, Purpose purpose, int64_t time)
{
	const std::string lv = snapshot_name(config, purpose, time);
	std::vector<std::string> words = {
		"lvcreate", "-q",	"-y",	    "-s",	"-n",
		lv,	    "--addtag", common_tag, "--addtag", tag_of(config, purpose)};
	/* "after" must run, because it undoes what "before" does. */
	Interruption interruption;
	std::string trouble = run_hook(config.before, "before", config, lv);

	for (const std::string &word : size_words(config.size, ""))
		words.push_back(word);
	/* Nobody may write to the base of the next increment. */
	if (purpose == Purpose::backup)
		words.insert(words.end(), {"-p", "r"});
	words.push_back(config.volume());
	try {
		if (trouble.empty() && !interruption.is_there())
			lvm2_change(words, Lvm2Says::always);
	} catch (const Failure &failure) {
		trouble = fmt::format("no snapshot of {}: {}", config.volume(), failure.what());
	}
	std::string later = run_hook(config.after, "after", config, lv);
	if (trouble.empty())
		trouble = later;
	if (trouble.empty() && interruption.is_there())
		trouble = "interrupted by a signal";
	if (!trouble.empty())
		throw Failure(trouble);
	return lv;
}

void remove_snapshot(const Config &config, Purpose purpose, const OwnSnapshot &snapshot)
{
	lvm2_output({"lvremove", "-q", "-y", "--select",
		     fmt::format("lv_uuid=\"{}\" && lv_tags=\"{}\"", snapshot.uuid,
				 tag_of(config, purpose)),
		     snapshot.volume});
}

void extend_snapshot(const Config &config, const OwnSnapshot &snapshot)
{
	std::vector<std::string> words = {"lvextend", "-q"};
	for (const std::string &word : size_words(config.extend_by.value(), "+"))
		words.push_back(word);
	words.push_back(snapshot.volume);
	lvm2_output(words);
}

} // namespace dmsnap::tool
