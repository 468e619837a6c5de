// SPDX-License-Identifier: GPL-2.0-only
/* Machine: begins, ends and stops merges. */
#include <algorithm>

#include "sim/machine.hpp"
#include "sim/sizes.hpp"
#include "user/failure.hpp"
#include "user/memory.hpp"

namespace dmsnap::sim {

using user::Memory;
using user::Random;
using user::TargetType;

/*
 * As in LVM2, the origin's table becomes a merge.  It takes over the store from the snapshot,
 * unless the snapshot was removed before.  As soon as copying may begin, the origin shows
 * the snapshot's contents.
 */
void Machine::begin_merge(Random &random, const SnapHandle &snap)
{
	if (!quiesce() || snap->invalid() || snap->overflowed())
		return;
	note("merge", snap);
	bool handover = plan_.seed % 2;
	change("merge", true, snap, [this, snap, handover] {
		Excuse excuse(*this, snap);
		origin_.suspend();
		snap->mapped->suspend();
		/* The last commit may have failed, or one for a message may be in flight. */
		snap->cow->clear_faults();
		snap->mapped->message({"commit"});
		bool lost = snap->invalid();
		if (!lost && !handover) {
			/* Reading a store takes memory. */
			Memory::instance().fail_nothing();
			snap->mapped->remove();
		}
		int error = 0;
		if (!lost && !power_lost_)
			error = origin_.load(TargetType::merge, sectors_, snap->words(snap->chunk));
		require(!error || excuse.holds(),
			"loading the merge of " + snap->name() + ": " + origin_.error_text());
		lost = lost || error;
		if (!lost && !power_lost_) {
			std::erase(snaps_, snap);
			merging_ = snap;
			history_ = snap->view;
		}
		error = origin_.resume();
		require(!error || excuse.holds(), "resuming the merge of " + snap->name());
		if (lost)
			snap->mapped->resume();
		else
			snap->mapped->remove();
	});
	for (uint64_t n = plan_.trouble & overlaps ? random.below(4) : 0; n; n--)
		send_message(random, snap);
	/* Writes from now on hit the first batch. */
	turn([this] { return !origin_busy_; });
	for (uint64_t n = random.below(6); n && merging_; n--) {
		write(random, nullptr);
		turn_for(random.below(20'000));
	}
}

bool Machine::is_merged()
{
	unsigned long long used, size, metadata;
	std::string status = origin_.status();
	return std::sscanf(status.c_str(), "%llu/%llu %llu", &used, &size, &metadata) == 3 &&
	       used == metadata;
}

void Machine::end_merge()
{
	if (!is_merged())
		return;
	note("end of the merge of", merging_);
	reload_origin(sectors_);
}

void Machine::finish_merge()
{
	/* The other snapshots may stall in turn, for a minute each. */
	constexpr uint64_t long_enough_ns = 1'500'000'000'000;
	if (!quiesce() || !merging_)
		return;
	/* A resume continues a merge that has failed. */
	suspend_origin();
	if (!quiesce())
		return;
	origin_.message({"merge", "rate", "0"});
	origin_.message({"merge", "resume"});
	limit_stalls(true);
	turn_for(long_enough_ns);
	require(is_merged(), "a merge does not end: " + origin_.status());
	end_merge();
}

/*
 * The merge becomes an origin again, which shows what its disk holds.  The rest of the store
 * becomes a snapshot, which shows what the merge showed.
 */
void Machine::stop_merge()
{
	if (!quiesce())
		return;
	note("stop the merge of", merging_);
	SnapHandle snap = merging_;
	change("stop", true, nullptr, [this, snap] {
		Excuse excuse(*this, snap);
		origin_.suspend();
		/* The origin now shows the disk's contents, so these must not change. */
		if (!flush_disk()) {
			origin_.resume();
			return;
		}
		int error = snap->mapped->load(TargetType::snapshot, snap->sectors,
					       snap->words(snap->chunk));
		if (!error)
			error = origin_.load(TargetType::origin, sectors_, "disk");
		require(!error || excuse.holds(),
			"loading the table after a merge: " + snap->mapped->error_text() +
				origin_.error_text());
		if (error && !power_lost_) {
			snap->mapped->remove();
			origin_.clear();
			origin_.resume();
			return;
		}
		error = snap->mapped->resume();
		if (!power_lost_) {
			require(!error, "taking a merge over");
			snap->view = history_;
			history_ = disk_history(sectors_, disk_discards());
			snap->has.assign((sectors_ + snap->chunk - 1) / snap->chunk, false);
			snap->since = now_;
			/* The COW chunks of merged exceptions are free only after the next load. */
			snap->small = true;
			merging_ = nullptr;
			snaps_.push_back(snap);
		}
		origin_.resume();
	});
	quiesce();
}

} // namespace dmsnap::sim
