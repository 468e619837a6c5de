// SPDX-License-Identifier: GPL-2.0-only
#include "stream/half_applied.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "cli/json_output.hpp"
#include "system/device_name.hpp"
#include "system/failure.hpp"
#include "system/loop_file.hpp"
#include "system/new_file.hpp"
#include "system/regular_file.hpp"
#include "system/state_folder.hpp"

namespace dmsnap::tool {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char *ending = ".half-applied";

std::string path_for(const Volume &target)
{
	std::error_code ignored;
	std::string name = std::filesystem::canonical(target.path(), ignored);

	/* A new file has no name yet. */
	if (name.empty())
		name = target.path();
	std::optional<DeviceNumber> device = device_at(name);
	if (!device)
		return name + ending;
	std::vector<std::string> names = lasting_names(*device);
	if (names.empty()) {
		/* Beside its file, like the mark of an image. */
		if (auto place = place_in_file(*device, target.descriptor()))
			return place->path +
			       (place->offset ? fmt::format("@{}", place->offset) : "") + ending;
		/* After a reboot another device may have the name. */
		names.push_back(name);
	}
	for (std::string &one : names) {
		std::ranges::replace(one, '/', '!');
		one = fmt::format("{}/{}{}", state_folder(), one, ending);
	}
	/* When the mark was made, udev may have had other links, or was not running. */
	auto marked = std::ranges::find_if(names, [](const std::string &path) {
		struct stat about;
		return lstat(path.c_str(), &about) == 0;
	});
	return marked == names.end() ? names.front() : *marked;
}

/* Only a missing file means no mark: a copy whose mark cannot be read may not be complete. */
std::optional<std::string> text_at(const std::string &path)
try {
	std::optional<RegularFile> file = read_regular_file(path, Link::refuse);
	if (!file)
		return {};
	return std::move(file->text);
} catch (const Failure &failure) {
	throw Failure(
		fmt::format("{}: whether the copy is half applied cannot be told", failure.what()));
}

/* 0 if there is no such member. */
uint64_t number_in(const Json &object, const char *name)
{
	auto found = object.find(name);
	return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

/* Empty if there is no such member. */
std::string text_in(const Json &object, const char *name)
{
	auto found = object.find(name);
	return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

} // namespace

HalfApplied::HalfApplied(const Volume &target) : path_(path_for(target))
{
	std::optional<std::string> text = text_at(path_);
	if (!text)
		return;
	Json json = Json::parse(*text, nullptr, false);
	const Json *attempts = nullptr;
	if (json.is_object() && json.contains("attempts") && json["attempts"].is_array())
		attempts = &json["attempts"];
	bool fine = attempts && !attempts->empty();
	for (size_t i = 0; fine && i < attempts->size(); i++) {
		const Json &one = (*attempts)[i];
		fine = one.is_object() && one.contains("offset") && one.contains("length") &&
		       one.contains("content") && one["offset"].is_number_unsigned() &&
		       one["length"].is_number_unsigned() && one["content"].is_string();
		if (fine)
			attempts_.push_back({one["offset"], one["length"], one["content"],
					     text_in(one, "base"), text_in(one, "found"),
					     number_in(one, "kept")});
	}
	if (!fine)
		throw Failure(fmt::format("{}: is there, but cannot be read: the copy is half "
					  "applied, and by which stream cannot be told",
					  path_));
}

void HalfApplied::saw(const Record &record)
{
	const std::string base = hexadecimal(record.base);
	const std::string content = hexadecimal(record.content);

	seen_++;
	for (const Attempt &one : attempts_) {
		if (one.offset != record.offset || one.length != record.length)
			continue;
		if (one.content == content && one.base == base)
			again_ = true;
		else if (one.content != base || one.found != content)
			continue;
		else if (&one == &attempts_.back())
			undoes_last_ = true;
		else
			undoes_earlier_ = true;
	}
}

void HalfApplied::mark(const Record &record, const Checksum &found, uint64_t kept)
{
	/* An undo begins no attempt: what it undoes stays marked until its end. */
	if (undoes_last_ || (has_begun_ && attempts_.back().kept == kept))
		return;
	if (!has_begun_)
		attempts_.push_back({record.offset, record.length, hexadecimal(record.content),
				     hexadecimal(record.base), hexadecimal(found)});
	attempts_.back().kept = kept;
	has_begun_ = true;
	again_ = true;
	write();
}

bool HalfApplied::is_undone() const
{
	return undoes_last_ && !again_ && attempts_.back().kept != 0 &&
	       seen_ >= attempts_.back().kept;
}

void HalfApplied::write() const
{
	Json list = Json::array();
	for (const Attempt &one : attempts_)
		list.push_back({{"offset", one.offset},
				{"length", one.length},
				{"content", one.content},
				{"base", one.base},
				{"found", one.found},
				{"kept", one.kept}});
	std::string text = Json({{"schema", json_schema}, {"attempts", list}}).dump(2) + "\n";
	write_whole(path_, text);
}

void HalfApplied::end()
{
	if (!is_marked() || is_other())
		return;
	if (again_)
		attempts_.clear();
	else
		attempts_.pop_back();
	if (is_marked()) {
		write();
		return;
	}
	if (unlink(path_.c_str()) != 0 && errno != ENOENT)
		throw Failure(
			fmt::format("{}: cannot be removed: {}", path_, std::strerror(errno)));
	sync_folder_of(path_);
}

void require_whole(const Volume &copy)
{
	HalfApplied mark(copy);
	if (mark.is_marked())
		throw Failure(fmt::format("{}: is half applied (see {}): apply that stream once "
					  "more, or what --undo kept",
					  copy.path(), mark.path()));
}

} // namespace dmsnap::tool
