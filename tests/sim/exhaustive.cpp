// SPDX-License-Identifier: GPL-2.0-only
#include "sim/exhaustive.hpp"

#include <vector>

#include "sim/machine.hpp"

namespace dmsnap::sim {
namespace {

struct Workload {
	const char *name;
	std::vector<Action> actions;
};

const std::vector<Workload> &workloads()
{
	using enum Action;
	static const std::vector<Workload> list = {
		{"origin writes over two snapshots",
		 {create_snapshot, create_snapshot, write_origin, write_origin, let_run,
		  flush_origin, write_origin, let_settle, write_origin, write_origin, let_run}},
		{"snapshot writes and flushes",
		 {create_snapshot, write_snapshot, write_snapshot, flush_snapshot, write_snapshot,
		  let_run, write_snapshot, flush_snapshot, let_settle}},
		{"both at once",
		 {create_snapshot, write_snapshot, write_origin, flush_snapshot, write_origin,
		  let_run, write_durably, write_snapshot, write_origin, let_settle}},
		{"a merge under writes",
		 {create_snapshot, write_durably, write_origin, write_snapshot, let_settle,
		  begin_merge, write_origin, let_run, write_origin, flush_origin, let_settle,
		  end_merge, write_origin, let_settle}},
		{"a merge with another snapshot",
		 {create_snapshot, write_snapshot, write_origin, flush_snapshot, let_settle,
		  create_snapshot, begin_merge, write_origin, let_run, write_origin, let_settle}},
		{"a merge that is stopped",
		 {create_snapshot, write_snapshot, write_origin, write_snapshot, let_settle,
		  begin_merge, write_origin, let_run, stop_merge, write_origin, write_snapshot,
		  flush_snapshot, let_settle}},
		{"handover, suspend and resume",
		 {create_snapshot, write_snapshot, write_origin, reload_snapshot, write_snapshot,
		  write_origin, suspend_snapshot, flush_snapshot, reactivate_snapshot, write_origin,
		  let_settle}},
	};
	return list;
}

} // namespace

unsigned int exhaustive_count()
{
	return static_cast<unsigned int>(workloads().size());
}

const char *exhaustive_name(unsigned int workload)
{
	return workloads()[workload].name;
}

Plan exhaustive_plan(unsigned int workload, uint64_t seed)
{
	Plan plan{.seed = seed, .size = Size::tiny};
	for (Action action : workloads()[workload].actions)
		plan.steps.push_back({action, plan.steps.size() + seed * 100,
				      static_cast<unsigned int>(plan.steps.size())});
	return plan;
}

ExhaustiveResult run_exhaustively(const Plan &plan, unsigned int remains_max,
				  const std::function<void(uint64_t io)> &at)
{
	ExhaustiveResult result;
	for (uint64_t io = 1;; io++) {
		at(io);
		Machine machine(plan,
				{.crash_at_io = io, .remains_max = remains_max, .plain = true});
		machine.run();
		if (!machine.cycles())
			return result;
		result.crash_points++;
		result.cycles += machine.cycles();
	}
}

} // namespace dmsnap::sim
