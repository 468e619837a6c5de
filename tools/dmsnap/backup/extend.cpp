// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmsnap extend: extends the snapshots of a schedule and those of its backups when they fill up.
 * It sleeps until device mapper has an event: that of the low-water mark, which it sets, or that
 * of a new snapshot.  If a snapshot is full before it is extended, its writes wait (the driver's
 * message "stall on"), so that it is not lost.
 */
#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include <fmt/format.h>

#include "backup/event_log.hpp"
#include "backup/logical_volumes.hpp"
#include "backup/schedule.hpp"
#include "cli/units.hpp"
#include "live/device_mapper.hpp"
#include "live/dm_events.hpp"

namespace dmsnap::tool {
namespace {

class Extender {
public:
	Extender(const Config &config, const EventLog &log) : config_(config), log_(log) {}

	/* Checks all snapshots.  Returns true if one was extended, so all must be checked again. */
	bool look()
	{
		bool grew = false;
		for (Purpose purpose : {Purpose::schedule, Purpose::backup}) {
			for (const OwnSnapshot &one : own_snapshots(config_, purpose))
				grew = take(one) || grew;
		}
		return grew;
	}

private:
	bool take(const OwnSnapshot &one)
	{
		if (one.is_invalid)
			return false;
		DeviceNumber device = machine_.find(one.path);
		set_mark(one, device);
		std::optional<LiveSnapshot> now = machine_.snapshot(device);
		if (!now || !now->usage || now->usage->full() * 100 < *config_.low_water)
			return false;
		/* LVM2 silently refuses to extend a snapshot beyond what the whole origin needs. */
		auto [known, is_new] = tried_.try_emplace(one.uuid, one.bytes);
		if (!is_new && known->second == one.bytes)
			return false;
		known->second = one.bytes;
		extend_snapshot(config_, one);
		log_.info({"extended", one.volume,
			   fmt::format("{} was {:.0f} % full, with {}: made larger", one.volume,
				       now->usage->full() * 100,
				       size_text(static_cast<double>(one.bytes)))});
		return true;
	}

	void set_mark(const OwnSnapshot &one, DeviceNumber device)
	{
		if (!marked_.insert({one.uuid, device}).second)
			return;
		if (!machine_.send_message(device, fmt::format("low_water {}", *config_.low_water)))
			throw Failure(fmt::format("the driver of {} has no event for a fill level: "
						  "it is not dmsnap's, or too old",
						  one.volume),
				      ExitCode::nothing);
		if (!machine_.send_message(device, "stall on"))
			log_.warning({"failed", one.volume,
				      one.volume + ": its driver cannot let writes wait"});
		log_.info(
			{"watched", one.volume,
			 fmt::format("watches {}, up to {} % of {}", one.volume, *config_.low_water,
				     size_text(static_cast<double>(one.bytes)))});
	}

	const Config &config_;
	const EventLog &log_;
	DeviceMapper machine_;
	/* With the device: a snapshot that was deactivated has lost its mark. */
	std::set<std::pair<std::string, DeviceNumber>> marked_;
	/* The size of each when it was last extended. */
	std::map<std::string, uint64_t> tried_;
};

} // namespace

ExitCode extend(const ScheduleOptions &options)
{
	Config config = read_config(options.name, options.config);
	EventLog log(config, false);

	return log.watch([&]() -> ExitCode {
		if (!config.low_water)
			throw Failure("low-water and extend-by are not given", ExitCode::nothing);
		DmEvents events;
		Extender extender(config, log);
		for (;;) {
			/* Before the check, so that later events end the sleep. */
			events.arm();
			if (!extender.look())
				events.wait(std::numeric_limits<double>::infinity());
		}
	});
}

} // namespace dmsnap::tool
