// SPDX-License-Identifier: GPL-2.0-only
#include "backup/config.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/nearest_word.hpp"
#include "cli/units.hpp"
#include "system/failure.hpp"
#include "system/regular_file.hpp"
#include "system/whole_number.hpp"

namespace dmsnap::tool {
namespace {

constexpr const char *folder = "/etc/dmsnap";
constexpr const char *suffix = ".conf";
/* The limit of LVM2's names, minus the suffix of a snapshot's name. */
constexpr size_t name_length_max = 64;

bool is_name(const std::string &text)
{
	return !text.empty() && std::isalnum(static_cast<unsigned char>(text[0])) &&
	       std::ranges::all_of(text, [](unsigned char letter) {
		       return std::isalnum(letter) || std::strchr("+_.-", letter);
	       });
}

std::string trimmed(const std::string &text)
{
	size_t begin = text.find_first_not_of(" \t\r");
	size_t end = text.find_last_not_of(" \t\r");
	return begin == std::string::npos ? "" : text.substr(begin, end - begin + 1);
}

/* Returns the text if only root can write the file, because root runs its commands. */
std::string read_safely(const std::string &path)
{
	std::optional<RegularFile> file = read_regular_file(path, Link::follow);

	if (!file)
		throw Failure(fmt::format("{}: cannot be read: {}", path, std::strerror(ENOENT)));
	if ((file->about.st_uid != 0 && file->about.st_uid != geteuid()) ||
	    (file->about.st_mode & (S_IWGRP | S_IWOTH)))
		throw Failure(path + ": others may write to it, but root runs the commands in it: "
				     "chown root, chmod go-w");
	return file->text;
}

unsigned int number(const std::string &text, unsigned int least, unsigned int most)
{
	std::optional<uint64_t> value = whole_number(text);
	if (!value || *value < least || *value > most)
		throw Failure(
			fmt::format("\"{}\" is not a number from {} to {}", text, least, most));
	return static_cast<unsigned int>(*value);
}

unsigned int percent(const std::string &text)
{
	return number(trimmed(text.substr(0, text.find('%'))), 1, 100);
}

Amount amount(const std::string &text)
{
	if (text.ends_with('%'))
		return {.percent = percent(text)};
	uint64_t bytes = parse_size(text);
	if (bytes == 0)
		throw Failure("it is 0");
	return {.bytes = bytes};
}

class Reader {
public:
	explicit Reader(Config &config) : config_(config) {}

	void line(const std::string &line)
	{
		size_t equals = line.find('=');
		if (equals == std::string::npos)
			throw Failure("is not \"key = value\"");
		std::string key = trimmed(line.substr(0, equals));
		std::string value = trimmed(line.substr(equals + 1));
		auto found = keys_.find(key);
		if (found == keys_.end())
			refuse(key);
		if (!seen_.insert(key).second)
			throw Failure(fmt::format("{} is there twice", key));
		if (value.empty())
			throw Failure(fmt::format("{} has no value", key));
		try {
			found->second(value);
		} catch (const Failure &failure) {
			throw Failure(fmt::format("{}: {}", key, failure.what()));
		}
	}

	void end() const
	{
		for (const char *needed : {"volume", "size"}) {
			if (!seen_.contains(needed))
				throw Failure(fmt::format("{} is not given", needed));
		}
		if (seen_.contains("low-water") != seen_.contains("extend-by"))
			throw Failure("low-water and extend-by go together");
		if (seen_.contains("backup-directory") + seen_.contains("backup-ssh") +
			    seen_.contains("backup-command") >
		    1)
			throw Failure("only one of backup-directory, backup-ssh and "
				      "backup-command can be given");
		if (seen_.contains("restore-command") && !seen_.contains("backup-command"))
			throw Failure("restore-command is for what backup-command takes");
		if (seen_.contains("keep-fulls") && seen_.contains("backup-command"))
			throw Failure("keep-fulls: what backup-command took, dmsnap cannot "
				      "remove");
	}

private:
	[[noreturn]] void refuse(const std::string &key) const
	{
		std::vector<std::string> all;
		for (const auto &[name, take] : keys_)
			all.push_back(name);
		std::string meant = nearest_word(key, all);
		throw Failure(
			fmt::format("unknown key \"{}\"{}", key,
				    meant.empty() ? "" : fmt::format("; \"{}\" is one", meant)));
	}

	void volume(const std::string &text)
	{
		std::string name = text.starts_with("/dev/") ? text.substr(5) : text;
		size_t slash = name.find('/');
		config_.vg = name.substr(0, slash);
		config_.lv = slash == std::string::npos ? "" : name.substr(slash + 1);
		if (!is_name(config_.vg) || !is_name(config_.lv))
			throw Failure(
				fmt::format("\"{}\" is not a logical volume, like vg/data", text));
	}

	/* ssh would take a leading dash for an option. */
	void ssh(const std::string &text)
	{
		size_t colon = text.find(':');
		if (text.starts_with('-') || colon == 0 || colon == std::string::npos ||
		    colon + 1 == text.size())
			throw Failure(fmt::format("\"{}\" is not HOST:DIRECTORY", text));
		config_.backup_ssh = text;
	}

	void directory(const std::string &text)
	{
		if (!text.starts_with('/'))
			throw Failure(fmt::format("\"{}\" is no path from / on", text));
		config_.backup_directory = text;
	}

	Config &config_;
	std::set<std::string> seen_;
	using Text = const std::string &;
	const std::map<std::string, std::function<void(Text)>> keys_ = {
		{"volume", [this](Text text) { volume(text); }},
		{"size", [this](Text text) { config_.size = amount(text); }},
		{"keep-hourly",
		 [this](Text text) { config_.keep.hourly = number(text, 0, 10000); }},
		{"keep-daily", [this](Text text) { config_.keep.daily = number(text, 0, 10000); }},
		{"keep-weekly",
		 [this](Text text) { config_.keep.weekly = number(text, 0, 10000); }},
		{"before", [this](Text text) { config_.before = text; }},
		{"after", [this](Text text) { config_.after = text; }},
		{"low-water", [this](Text text) { config_.low_water = percent(text); }},
		{"extend-by", [this](Text text) { config_.extend_by = amount(text); }},
		{"backup-directory", [this](Text text) { directory(text); }},
		{"backup-ssh", [this](Text text) { ssh(text); }},
		{"backup-command", [this](Text text) { config_.backup_command = text; }},
		{"restore-command", [this](Text text) { config_.restore_command = text; }},
		{"compress",
		 [this](Text text) {
			 config_.compress = text == "no" ? 0
							 : static_cast<int>(number(text, 1, 19));
		 }},
		{"full-every", [this](Text text) { config_.full_every = number(text, 1, 10000); }},
		{"keep-fulls", [this](Text text) { config_.keep_fulls = number(text, 1, 10000); }},
	};
};

} // namespace

Config read_config(const std::string &name, const std::string &other)
{
	if (!is_name(name) || name.size() > name_length_max)
		throw Failure(
			fmt::format("\"{}\" is not a name: that has up to {} letters, digits and "
				    "+ _ . -, and begins with a letter or a digit",
				    name, name_length_max));
	const std::string path = other.empty() ? fmt::format("{}/{}{}", folder, name, suffix)
					       : other;
	std::istringstream lines(read_safely(path));
	Config config;
	Reader reader(config);
	unsigned int number = 0;

	config.name = name;
	for (std::string text; std::getline(lines, text);) {
		number++;
		text = trimmed(text);
		if (text.empty() || text.starts_with('#'))
			continue;
		try {
			reader.line(text);
		} catch (const Failure &failure) {
			throw Failure(fmt::format("{}, line {}: {}", path, number, failure.what()));
		}
	}
	try {
		reader.end();
	} catch (const Failure &failure) {
		throw Failure(fmt::format("{}: {}", path, failure.what()));
	}
	return config;
}

std::vector<std::string> config_names()
{
	std::vector<std::string> names;
	std::error_code error;
	for (const auto &entry : std::filesystem::directory_iterator(folder, error)) {
		if (entry.path().extension() == suffix)
			names.push_back(entry.path().stem());
	}
	std::ranges::sort(names);
	return names;
}

} // namespace dmsnap::tool
