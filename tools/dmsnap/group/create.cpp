// SPDX-License-Identifier: GPL-2.0-only
/* dmsnap create --group: snapshots of several volumes at the same moment. */
#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <stdio_ext.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cli/json_output.hpp"
#include "group/commands.hpp"
#include "group/guardian.hpp"
#include "group/only_one.hpp"
#include "group/volumes.hpp"
#include "live/dm_request.hpp"
#include "system/child.hpp"
#include "system/interruption.hpp"

namespace dmsnap::tool {
namespace {

constexpr const char *lock_path = "/run/dmsnap-group";
/* LVM2 could not work if one of these were frozen. */
constexpr std::array needed_paths = {"/", "/usr", "/etc"};

/* Runs "after" in any case once "before" has started. */
class Hooks {
public:
	explicit Hooks(const GroupOptions &options) : after_(options.after)
	{
		if (options.before.empty())
			return;
		std::string trouble = run(options.before);
		if (!trouble.empty()) {
			run_after();
			throw Failure(fmt::format("--before: {}", trouble));
		}
	}
	~Hooks() { run_after(); }
	Hooks(const Hooks &) = delete;
	Hooks &operator=(const Hooks &) = delete;

	void run_after() noexcept
	try {
		std::string command = std::exchange(after_, {});
		std::string trouble = command.empty() ? "" : run(command);
		if (!trouble.empty())
			fmt::print(stderr, "dmsnap: --after: {}\n", trouble);
	} catch (const std::exception &error) {
		std::fprintf(stderr, "dmsnap: --after: %s\n", error.what());
	}

private:
	static std::string run(const std::string &command)
	{
		return Child({"/bin/sh", "-c", command}, environment_with({}), Child::Pipe::none)
			.end();
	}

	std::string after_;
};

struct Member {
	LogicalVolume origin;
	/* "a-monday" */
	std::string snapshot;
	DeviceNumber device;

	std::string name() const { return origin.vg + "/" + snapshot; }
};

void require_good_name(const std::string &group)
{
	bool is_good = !group.empty() && group.size() <= 60 && group[0] != '-';
	for (char letter : group)
		is_good &= std::isalnum(static_cast<unsigned char>(letter)) ||
			   std::string_view("+_.-").find(letter) != std::string_view::npos;
	if (!is_good)
		throw Failure(
			fmt::format("\"{}\" is not a name of a group: letters, digits and +_.-, 60 "
				    "at most, no - in front",
				    group));
}

/*
 * The snapshots of unfinished groups, each with its group's tag.  Somebody may have given the
 * tags to a volume that is no snapshot; it is left out.
 */
std::map<std::string, std::string> unfinished_of(const std::vector<LogicalVolume> &volumes)
{
	std::set<std::string> unfinished;
	std::map<std::string, std::string> found;
	for (const LogicalVolume &volume : volumes) {
		if (volume.is_snapshot() && volume.has_tag(unfinished_tag))
			std::ranges::copy(volume.group_tags(),
					  std::inserter(unfinished, unfinished.end()));
	}
	for (const LogicalVolume &volume : volumes) {
		for (const std::string &tag : volume.group_tags()) {
			if (volume.is_snapshot() && unfinished.contains(tag))
				found.emplace(volume.name(), tag);
		}
	}
	return found;
}

/* Removes unfinished snapshots, with all of their groups. */
void clean_up()
{
	std::vector<std::string> names;
	for (const auto &[name, tag] : unfinished_of(all_volumes()))
		names.push_back(name);
	if (names.empty())
		return;
	fmt::print(stderr, "dmsnap: an interrupted group is removed: {}\n", fmt::join(names, ", "));
	try {
		remove_snapshots(names);
	} catch (const Failure &) {
		const std::vector<LogicalVolume> left = all_volumes();
		const std::map<std::string, std::string> unfinished = unfinished_of(left);
		for (const LogicalVolume &volume : left) {
			auto found = unfinished.find(volume.name());
			if (found != unfinished.end() && volume.is_open)
				throw Failure(fmt::format("the interrupted group {} cannot be "
							  "removed: unmount {}",
							  group_of_tag(found->second),
							  volume.name()));
		}
		throw;
	}
}

/*
 * While LVM2 takes a snapshot, the origin has an inactive table that must not be used yet: the
 * device that it names was not resumed, so writers would get errors.  A resume would activate the
 * table.
 */
enum class Waits { for_inactive_table, not_at_all };

/* Returns false if LVM2 is working on it. */
bool resume_one(const HeldDevice &held, Waits waits)
try {
	const DeviceNumber device = held.device;
	DmRequest info(DM_DEVICE_INFO, device);
	/* LVM2 may have loaded another table for a volume that it is working on. */
	if (!info.run() || !info.info().suspended || info.uuid() != held.uuid)
		return true;
	if (info.info().inactive_table) {
		if (waits == Waits::for_inactive_table)
			return false;
		DmRequest(DM_DEVICE_CLEAR, device).try_run();
	}
	DmRequest request(DM_DEVICE_RESUME, device);
	/* udev may wait for a suspended device, and has nothing to do here. */
	request.try_run_without_udev();
	return true;
} catch (const std::exception &) {
	/* Go on, to resume the others at least. */
	return true;
}

/* Resumes all at once but those that LVM2 works on; those when it is done, or after 5 s. */
void resume(std::vector<HeldDevice> devices) noexcept
{
	constexpr int rounds = 100;
	constexpr useconds_t pause = 50 * 1000;
	for (int round = 0; round < rounds && !devices.empty(); round++) {
		if (round > 0)
			usleep(pause);
		std::erase_if(devices, [](const HeldDevice &device) {
			return resume_one(device, Waits::for_inactive_table);
		});
	}
	for (const HeldDevice &device : devices)
		resume_one(device, Waits::not_at_all);
}

bool is_on(const char *path, DeviceNumber device)
{
	struct stat about = {};
	return stat(path, &about) == 0 && about.st_dev == makedev(device.major, device.minor);
}

std::vector<Member> members_of(const GroupOptions &options)
{
	std::vector<Member> members;
	const std::vector<LogicalVolume> all = all_volumes();
	for (const std::string &name : options.volumes) {
		Member member{.origin = look_at_volume(name), .snapshot = {}, .device = {}};
		if (!member.origin.is_active || !member.origin.device)
			throw Failure(fmt::format("{} is not active", name));
		if (member.origin.is_suspended)
			throw Failure(fmt::format("{} is suspended, by somebody else", name));
		member.snapshot = member.origin.lv + "-" + options.group;
		member.device = *member.origin.device;
		for (const char *path : needed_paths) {
			if (is_on(path, member.device))
				throw Failure(fmt::format("{} has {} on it, which LVM2 needs: it "
							  "cannot stand still",
							  name, path));
		}
		for (const LogicalVolume &other : all) {
			if (other.has_tag(group_tag(options.group)))
				throw Failure(
					fmt::format("there is a group {} already: {} is of it",
						    options.group, other.name()));
			if (other.name() == member.name())
				throw Failure(fmt::format("there is a volume {} already, and it is "
							  "of no group {}",
							  other.name(), options.group));
		}
		for (const Member &other : members) {
			if (other.device == member.device)
				throw Failure(fmt::format("{} is named twice", name));
		}
		members.push_back(std::move(member));
	}
	return members;
}

/* A suspend freezes the file system, which then has nothing in flight. */
void suspend(const Member &member)
{
	DmRequest request(DM_DEVICE_SUSPEND, member.device);
	if (!request.try_run())
		throw Failure(fmt::format("{} cannot be suspended: {}", member.origin.name(),
					  DmRequest::complaint()));
}

double seconds_since(std::chrono::steady_clock::time_point begin)
{
	return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::string uuid_of(const Member &member)
{
	DmRequest info(DM_DEVICE_INFO, member.device);
	if (!info.run())
		throw Failure(fmt::format("{} is not active", member.origin.name()));
	return info.uuid();
}

/* Returns how long the first origin was suspended.  @made: what to remove if this throws. */
double take_moment(const GroupOptions &options, const std::vector<std::string> &size_words,
		   OnlyOne &only, const std::vector<Member> &members,
		   const Interruption &interruption, std::vector<std::string> &made)
{
	std::vector<HeldDevice> devices;
	for (const Member &member : members)
		devices.push_back({member.device, uuid_of(member)});
	only.write_suspended(devices);
	auto begin = std::chrono::steady_clock::now();
	Guardian guardian(options.limit_seconds, [&] {
		resume(devices);
		only.clear();
	});
	auto require = [&](bool is_in_time) {
		std::string why;
		if (!is_in_time && guardian.was_killed())
			why = "the process that was to resume them was killed";
		else if (!is_in_time)
			why = fmt::format("it took longer than {:g} s", options.limit_seconds);
		else if (interruption.is_there())
			why = "it was interrupted by a signal";
		if (!why.empty())
			throw Failure(fmt::format("{}: all is as before, and there is no group {}",
						  why, options.group));
	};
	auto require_time = [&] { require(!guardian.is_over() || guardian.finish()); };

	for (const Member &member : members) {
		require_time();
		suspend(member);
	}
	for (const Member &member : members) {
		require_time();
		made.push_back(member.name());
		try {
			make_snapshot(member.origin, member.snapshot, options.group, size_words);
		} catch (const Failure &) {
			/* The time limit may be the reason. */
			require_time();
			throw;
		}
	}
	require(guardian.finish());
	return seconds_since(begin);
}

/* Removes the snapshots of a new group. */
void remove_made(const std::string &group)
{
	std::vector<std::string> there;
	for (const LogicalVolume &volume : all_volumes()) {
		if (volume.is_snapshot() && volume.has_tag(group_tag(group)))
			there.push_back(volume.name());
	}
	remove_snapshots(there);
}

void tell(const GroupOptions &options, const std::vector<Member> &members, double seconds)
{
	if (options.json) {
		nlohmann::ordered_json list = nlohmann::ordered_json::array();
		for (const Member &member : members)
			list.push_back({{"name", member.name()}, {"origin", member.origin.name()}});
		nlohmann::ordered_json document = {{"schema", json_schema},
						   {"group", options.group},
						   {"held_up_seconds", seconds},
						   {"snapshots", list}};
		fmt::print("{}\n", document.dump(2));
	} else {
		for (const Member &member : members)
			fmt::print("{}\n", member.name());
	}
	if (std::fflush(stdout) != 0)
		throw Failure(std::strerror(errno));
}

} // namespace

ExitCode create_group(const GroupOptions &options)
{
	require_good_name(options.group);
	if (options.limit_seconds < 0.1)
		throw Failure("--limit is 0.1s at least");
	const std::vector<std::string> size_words = words_of_size(options.size);
	OnlyOne only(lock_path);
	if (std::vector<HeldDevice> left = only.suspended(); !left.empty()) {
		resume(left);
		only.clear();
	}
	clean_up();
	std::vector<Member> members = members_of(options);

	Interruption interruption;
	std::vector<std::string> made;
	double seconds = 0;
	try {
		{
			Hooks hooks(options);
			seconds =
				take_moment(options, size_words, only, members, interruption, made);
		}
		finish_snapshots(made);
	} catch (const std::exception &failure) {
		try {
			if (!made.empty())
				remove_made(options.group);
		} catch (const std::exception &second) {
			throw Failure(fmt::format("{}; and what was made is still there, until the "
						  "next group is made: {}",
						  failure.what(), second.what()));
		}
		throw;
	}
	try {
		tell(options, members, seconds);
	} catch (const std::exception &error) {
		/* Or exit would report the failure again. */
		__fpurge(stdout);
		clearerr(stdout);
		throw Failure(fmt::format("all snapshots are there, but writing the output failed: "
					  "{}",
					  error.what()),
			      ExitCode::findings);
	}
	return ExitCode::fine;
}

} // namespace dmsnap::tool
