// SPDX-License-Identifier: GPL-2.0-only
/* dmsnap prune: removes expired snapshots of a schedule. */
#include <algorithm>

#include <fmt/format.h>

#include "backup/prune_snapshots.hpp"
#include "backup/schedule.hpp"
#include "cli/json_output.hpp"
#include "system/file_lock.hpp"
#include "system/state_folder.hpp"

namespace dmsnap::tool {

std::string schedule_lock_path(const Config &config)
{
	return fmt::format("{}/{}.lock", state_folder(), config.name);
}

std::vector<Pruned> plan_pruning(const Config &config, std::vector<OwnSnapshot> snapshots)
{
	std::vector<int64_t> times;
	std::vector<Pruned> plan;

	if (!config.keep.keeps_any())
		throw Failure("none of keep-hourly, keep-daily and keep-weekly is given: all but "
			      "the youngest snapshot would go");
	/* An invalid snapshot does not count. */
	for (const OwnSnapshot &one : snapshots) {
		if (!one.is_invalid)
			times.push_back(one.time);
	}
	std::vector<std::string> why = kept(times, config.keep);
	auto next = why.begin();
	for (OwnSnapshot &one : snapshots) {
		std::string reason = one.is_invalid ? "" : *next++;
		const char *action = !reason.empty() ? "kept" : one.is_open ? "in use" : "removed";
		if (reason.empty())
			reason = one.is_invalid ? "is invalid" : "its time is over";
		plan.push_back({std::move(one), action, reason});
	}
	return plan;
}

void remove_pruned(const Config &config, const std::vector<Pruned> &plan, const EventLog &log)
{
	bool any = false;

	for (const Pruned &one : plan) {
		if (one.action == std::string("in use"))
			log.warning({"in use", one.snapshot.volume,
				     fmt::format("{} would be removed ({}), but is in use",
						 one.snapshot.volume, one.why)});
		if (one.action != std::string("removed"))
			continue;
		remove_snapshot(config, Purpose::schedule, one.snapshot);
		any = true;
		log.info({"removed", one.snapshot.volume,
			  fmt::format("removed {}: {}", one.snapshot.volume, one.why)});
	}
	if (!any)
		return;
	/* LVM2 succeeds even if it finds nothing to remove. */
	for (const OwnSnapshot &left : own_snapshots(config, Purpose::schedule)) {
		for (const Pruned &one : plan) {
			if (one.snapshot.uuid == left.uuid && one.action == std::string("removed"))
				throw Failure(left.volume +
					      " should have been removed, but is still there");
		}
	}
}

ExitCode prune(const ScheduleOptions &options)
{
	Config config = read_config(options.name, options.config);
	EventLog log(config, options.json);

	return log.watch([&] {
		FileLock lock(schedule_lock_path(config), FileLock::Busy::wait, "");
		std::vector<Pruned> plan =
			plan_pruning(config, own_snapshots(config, Purpose::schedule));
		if (!options.dry_run)
			remove_pruned(config, plan, log);
		if (options.json) {
			JsonOutput json(stdout);
			json.members({{"name", config.name}, {"dry_run", options.dry_run}});
			json.begin_list("snapshots");
			for (const Pruned &one : plan)
				json.item({{"volume", one.snapshot.volume},
					   {"action", one.action},
					   {"why", one.why}});
			json.end();
			json.finish();
		} else if (options.dry_run) {
			for (const Pruned &one : plan)
				fmt::print("{} {}: {}\n",
					   one.action == std::string("removed") ? "would remove"
										: one.action,
					   one.snapshot.volume, one.why);
		}
		return ExitCode::fine;
	});
}

} // namespace dmsnap::tool
