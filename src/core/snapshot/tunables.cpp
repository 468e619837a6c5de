// SPDX-License-Identifier: GPL-2.0-only
/*
 * Snapshot: what can be set.
 */
#include "snapshot/snapshot.hpp"

namespace dmsnap {

/*
 * What nobody said in the table line or with a message is as the module's parameters have
 * it now.
 */
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
	/* Who sets the mark too late hears of it all the same. */
	if (store_)
		look_at_low_water();
}

/* An event when the mark is passed, once until less is in use again. */
void Snapshot::look_at_low_water()
{
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
