// SPDX-License-Identifier: GPL-2.0-only
#include "backup/backup_state.hpp"

#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/json_output.hpp"
#include "system/failure.hpp"
#include "system/regular_file.hpp"
#include "system/state_folder.hpp"

namespace dmsnap::tool {
namespace {

using Json = nlohmann::ordered_json;

std::string path_of(const Config &config)
{
	return fmt::format("{}/{}.json", state_folder(), config.name);
}

BackupFile read_file(const Json &json)
{
	return {.file = json.at("file"),
		.number = json.at("number"),
		.full = json.at("full"),
		.time = json.at("time"),
		.volume_bytes = json.at("volume_bytes"),
		.bytes = json.at("bytes"),
		.checksum = json.at("checksum")};
}

BackupState read_state(const Json &json)
{
	BackupState state;
	if (json.at("schema") != json_schema)
		throw Failure("another version of dmsnap wrote it");
	state.destination = json.at("destination");
	state.number = json.at("number");
	state.base = json.at("base");
	state.base_uuid = json.at("base_uuid");
	for (const Json &one : json.at("files"))
		state.files.push_back(read_file(one));
	for (const Json &one : json.at("unfinished"))
		state.unfinished.push_back(one);
	state.unfinished_at = json.at("unfinished_at");
	return state;
}

} // namespace

std::string backup_lock_path(const Config &config)
{
	return fmt::format("{}/{}.backup.lock", state_folder(), config.name);
}

BackupState BackupState::load(const Config &config)
{
	const std::string path = path_of(config);
	std::optional<RegularFile> file = read_regular_file(path, Link::follow);
	if (!file)
		return {};
	try {
		return read_state(Json::parse(file->text));
	} catch (const std::exception &error) {
		throw Failure(
			fmt::format("{}: is not what dmsnap backup writes ({}). Without it the "
				    "next backup is a full one: move it away",
				    path, error.what()));
	}
}

void BackupState::save(const Config &config) const
{
	Json list = Json::array();
	for (const BackupFile &one : files)
		list.push_back({{"file", one.file},
				{"number", one.number},
				{"full", one.full},
				{"time", one.time},
				{"volume_bytes", one.volume_bytes},
				{"bytes", one.bytes},
				{"checksum", one.checksum}});
	Json json = {{"schema", json_schema},
		     {"volume", config.volume()},
		     {"destination", destination},
		     {"number", number},
		     {"base", base},
		     {"base_uuid", base_uuid},
		     {"files", list},
		     {"unfinished", unfinished},
		     {"unfinished_at", unfinished_at}};
	write_whole(path_of(config), json.dump(2) + "\n");
}

size_t BackupState::last_full() const
{
	size_t first = files.size();
	while (first > 0 && !files[first - 1].full)
		first--;
	return first > 0 ? first - 1 : 0;
}

} // namespace dmsnap::tool
