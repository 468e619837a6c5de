// SPDX-License-Identifier: GPL-2.0-only
/* Snapshot: how much of its COW device copies ahead may use. */
#include "base/min_max.hpp"
#include "snapshot/snapshot.hpp"

namespace dmsnap {

namespace {

/* 64 MiB.  A smaller device is sized for actual writes, and has no room for guesses. */
constexpr uint64_t device_min = 131072;
/* At most 1/spend_part of the device holds chunks that were copied ahead and not written since. */
constexpr uint64_t spend_part = 100;

/* The rest is for actual writes. */
bool too_full(const StoreUsage &usage)
{
	return usage.allocated_sectors > usage.total_sectors / 4 * 3;
}

} // namespace

uint64_t Snapshot::ahead_window() const
{
	const uint64_t kib = tunables_.copy_ahead == Tunables::as_module ? dmsnap_port_copy_ahead()
									 : tunables_.copy_ahead;
	return kib * 2;
}

uint64_t Snapshot::ahead_room() const
{
	const Streams::Count spent = origin_.ahead_spent();
	const StoreUsage usage = store_->usage();
	if (usage.total_sectors < device_min || too_full(usage))
		return 0;
	const uint64_t own = spent.waiting + spent.wasted - wasted_before_;
	const uint64_t most = usage.total_sectors / spend_part;
	/* Whole chunks are copied. */
	return own < most ? most - own - chunk_size_.offset_in_chunk(most - own) : 0;
}

} // namespace dmsnap
