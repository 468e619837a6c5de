// SPDX-License-Identifier: GPL-2.0-only
/* Snapshot: its part in a handover. target/handover.cpp describes the whole. */
#include "snapshot/snapshot.hpp"

namespace dmsnap {

void Snapshot::activate()
{
	if (active())
		return;
	sectors_ = dmsnap_port_target_sectors(events_.target());
	wasted_before_ = origin_.streams().count().wasted;
	active_.store_seq_cst(true);
	origin_.snapshot_watches();
}

void Snapshot::begin_handover()
{
	/*
	 * Code under the lock, including messages, sees the mark, or holds a reference that
	 * drain() waits for.
	 */
	OriginGuard guard(origin_.lock());
	changes_hands_.store_seq_cst(true);
}

void Snapshot::quiesce_for_handover()
{
	/* Any write that missed the mark has left its RCU section: it passed, or took the lock. */
	dmsnap_port_rcu_synchronize();
	drain();
	if (store_)
		store_->quiesce();
}

bool Snapshot::quiesce_for_handover_killable()
{
	dmsnap_port_rcu_synchronize();
	return drain_killable("a snapshot whose store is handed over");
}

void Snapshot::end_handover()
{
	/*
	 * A write that skipped the destination while it was not active must still find the mark
	 * here.  So all such walks must end first.
	 */
	dmsnap_port_rcu_synchronize();
	{
		OriginGuard guard(origin_.lock());
		changes_hands_.store_seq_cst(false);
		release_waiters();
	}
}

void Snapshot::lose_store()
{
	health_.store_seq_cst(Health::invalid);
}

void Snapshot::take_over(Snapshot &source)
{
	origin_.lock().assert_held();
	chunk_size_ = source.chunk_size_;
	table_ = std::move(source.table_);
	persistent_ = std::move(source.persistent_);
	transient_ = std::move(source.transient_);
	unusable_ = std::move(source.unusable_);
	store_ = std::exchange(source.store_, nullptr);
	if (store_)
		store_->set_device(cow_device_, *worker_);

	source.stall_->release();
	tunables_ = source.tunables_;
	above_low_water_ = source.above_low_water_;
	statistics_ = source.statistics_;
	invalid_reason_ = source.invalid_reason_;
	invalid_ns_ = source.invalid_ns_;
	commits_->set_delay(source.commits_->delay_ms());

	health_.store_seq_cst(source.health_.load_relaxed());
	overflowed_.store_relaxed(source.overflowed_.load_relaxed());
	/*
	 * The two swap their store types, so each reports the other's.  Both keep the
	 * destination's "Overflow" option.
	 */
	std::swap(store_args_.type, source.store_args_.type);
	source.store_args_.overflow = store_args_.overflow;
	activate();
	wasted_before_ = source.wasted_before_;
	source.health_.store_seq_cst(Health::invalid);
}

} // namespace dmsnap
