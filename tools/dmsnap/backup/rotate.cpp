// SPDX-License-Identifier: GPL-2.0-only
/* dmsnap rotate: makes a snapshot on a schedule, and removes expired ones. */
#include <ctime>

#include <fmt/format.h>

#include "backup/prune_snapshots.hpp"
#include "backup/schedule.hpp"
#include "cli/json_output.hpp"
#include "system/file_lock.hpp"

namespace dmsnap::tool {

ExitCode rotate(const ScheduleOptions &options)
{
	Config config = read_config(options.name, options.config);
	EventLog log(config, options.json);

	return log.watch([&] {
		FileLock lock(schedule_lock_path(config), FileLock::Busy::wait, "");
		/* First, because it throws if there is no volume or no retention. */
		plan_pruning(config, own_snapshots(config, Purpose::schedule));
		std::string made = config.vg + "/" +
				   make_snapshot(config, Purpose::schedule, std::time(nullptr));
		log.info({"created", made, fmt::format("created {}", made)});
		std::vector<Pruned> plan =
			plan_pruning(config, own_snapshots(config, Purpose::schedule));
		remove_pruned(config, plan, log);
		if (options.json) {
			JsonOutput json(stdout);
			json.members({{"name", config.name}, {"created", made}});
			json.begin_list("removed");
			for (const Pruned &one : plan) {
				if (one.action == std::string("removed"))
					json.item({{"volume", one.snapshot.volume},
						   {"why", one.why}});
			}
			json.end();
			json.finish();
		}
		return ExitCode::fine;
	});
}

} // namespace dmsnap::tool
