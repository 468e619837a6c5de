// SPDX-License-Identifier: GPL-2.0-only
/* Snapshot: tunables. */
#include "snapshot/snapshot.hpp"

namespace dmsnap {

/* A message overrides the table line, which overrides the current module parameter. */
bool Snapshot::stalls_on_full() const
{
	if (tunables_.stall != Tunables::Stall::as_table)
		return tunables_.stall == Tunables::Stall::on;
	if (features_.stall_on_full || features_.no_stall_on_full)
		return features_.stall_on_full;
	return seen_ && store_args_.type == StoreType::persistent && dmsnap_port_stall_on_full();
}

uint32_t Snapshot::low_water() const
{
	return tunables_.low_water == Tunables::as_module ? dmsnap_port_low_water()
							  : tunables_.low_water;
}

void Snapshot::set_low_water(uint32_t percent)
{
	tunables_.low_water = percent;
	above_low_water_ = false;
	/* Usage may already be above the new mark: post the event now. */
	if (store_)
		look_at_low_water();
}

/* Posts one event when usage passes the mark, and another only after usage has dropped below it. */
void Snapshot::look_at_low_water()
{
	origin_.lock().assert_held();
	uint32_t mark = low_water();
	bool above = false;

	if (mark) {
		StoreUsage usage = store_->usage();
		above = usage.allocated_sectors * 100 >= usage.total_sectors * mark;
	}
	if (above && !above_low_water_)
		events_.post(DMSNAP_EVENT_LOW_WATER);
	above_low_water_ = above;
}

} // namespace dmsnap
