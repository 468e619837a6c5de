// SPDX-License-Identifier: GPL-2.0-only
#include "group/volumes.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <sstream>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/units.hpp"
#include "live/lvm2.hpp"
#include "system/failure.hpp"

namespace dmsnap::tool {
namespace {

constexpr const char *tag_prefix = "dmsnap.group.";

/*
 * LVM2 complains about each volume that it finds suspended ("Attempted to decrement suspended
 * device counter below zero"), and continues.
 */
void run(const std::vector<std::string> &words)
{
	lvm2_change(words, Lvm2Says::if_it_fails);
}

std::vector<LogicalVolume> list(const std::vector<std::string> &which)
{
	std::vector<std::string> words = {
		"lvs", "--reportformat", "json", "-o",
		"vg_name,lv_name,lv_tags,origin,lv_active,lv_suspended,lv_device_open,"
		"lv_kernel_major,lv_kernel_minor"};
	words.insert(words.end(), which.begin(), which.end());
	std::string text = lvm2_output(words);
	std::vector<LogicalVolume> volumes;
	try {
		auto document = nlohmann::json::parse(text);
		for (const auto &row : document.at("report").at(0).at("lv")) {
			LogicalVolume volume;
			row.at("vg_name").get_to(volume.vg);
			row.at("lv_name").get_to(volume.lv);
			row.at("origin").get_to(volume.origin);
			volume.is_active = row.at("lv_active").get<std::string>() == "active";
			volume.is_suspended = row.at("lv_suspended").get<std::string>() ==
					      "suspended";
			volume.is_open = row.at("lv_device_open").get<std::string>() == "open";
			const auto major = row.at("lv_kernel_major").get<std::string>();
			const auto minor = row.at("lv_kernel_minor").get<std::string>();
			/* -1: the volume has no device. */
			if (!major.starts_with('-'))
				volume.device = parse_device(major + ":" + minor);
			std::istringstream tags(row.at("lv_tags").get<std::string>());
			for (std::string tag; std::getline(tags, tag, ',');)
				volume.tags.push_back(tag);
			volumes.push_back(std::move(volume));
		}
	} catch (const nlohmann::json::exception &error) {
		throw Failure(fmt::format("what lvs says cannot be read: {}", error.what()));
	}
	return volumes;
}

} // namespace

bool LogicalVolume::has_tag(const std::string &tag) const
{
	return std::ranges::find(tags, tag) != tags.end();
}

std::vector<std::string> LogicalVolume::group_tags() const
{
	std::vector<std::string> found;
	std::ranges::copy_if(tags, std::back_inserter(found),
			     [](const std::string &tag) { return tag.starts_with(tag_prefix); });
	return found;
}

std::string group_tag(const std::string &group)
{
	return tag_prefix + group;
}

std::string group_of_tag(const std::string &tag)
{
	return tag.substr(std::string_view(tag_prefix).size());
}

LogicalVolume look_at_volume(const std::string &name)
{
	std::vector<LogicalVolume> found = list({"--", name});
	if (found.size() != 1 || found[0].name() != name)
		throw Failure(fmt::format("{} is not a logical volume of the form vg/lv", name));
	return found[0];
}

std::vector<LogicalVolume> all_volumes()
{
	return list({});
}

std::vector<std::string> words_of_size(const std::string &size)
{
	if (!size.ends_with('%'))
		return {"--size", fmt::format("{}b", parse_size(size))};
	std::string_view number(size.data(), size.size() - 1);
	unsigned int percent = 0;
	auto [end, error] = std::from_chars(number.begin(), number.end(), percent);
	if (error != std::errc() || end != number.end() || percent < 1 || percent > 1000)
		throw Failure(
			fmt::format("\"{}\" is not a part of a volume: a whole number from 1 to "
				    "1000, and %",
				    size));
	return {"--extents", size + "ORIGIN"};
}

void make_snapshot(const LogicalVolume &origin, const std::string &snapshot,
		   const std::string &group, const std::vector<std::string> &size_words)
{
	std::vector<std::string> words = {"lvcreate", "--quiet", "--snapshot", "--name", snapshot};
	words.insert(words.end(), size_words.begin(), size_words.end());
	for (const std::string &tag : {group_tag(group), std::string(unfinished_tag)})
		words.insert(words.end(), {"--addtag", tag});
	/* LVM2 may write a backup of its metadata to a suspended device. */
	words.insert(words.end(),
		     {"--autobackup", "n", "--config", "backup/archive=0", origin.name()});
	run(words);
}

void finish_snapshots(const std::vector<std::string> &names)
{
	std::vector<std::string> words = {"lvchange", "--quiet", "--deltag", unfinished_tag};
	words.insert(words.end(), names.begin(), names.end());
	run(words);
}

void remove_snapshots(const std::vector<std::string> &names)
{
	if (names.empty())
		return;
	std::vector<std::string> words = {"lvremove", "--quiet", "--yes"};
	words.insert(words.end(), names.begin(), names.end());
	run(words);
}

} // namespace dmsnap::tool
