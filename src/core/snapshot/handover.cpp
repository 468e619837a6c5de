// SPDX-License-Identifier: GPL-2.0-only
/*
 * Snapshot: its part in a handover; the whole of it is in target/handover.cpp.
 */
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
	/* Whoever holds the lock, a message too, sees it or is waited for. */
	SpinGuard guard(origin_.lock());
	changes_hands_.store_seq_cst(true);
}

void Snapshot::quiesce_for_handover()
{
	/* Writes that have not seen the mark are through, or under the lock. */
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
	 * A write that passed the destination while it was not active must still find the
	 * mark here: such walks end first.
	 */
	dmsnap_port_rcu_synchronize();
	{
		SpinGuard guard(origin_.lock());
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
	/* Each now says what the other's table line asked for, but for who takes "Overflow". */
	std::swap(store_args_.type, source.store_args_.type);
	source.store_args_.overflow = store_args_.overflow;
	activate();
	wasted_before_ = source.wasted_before_;
	source.health_.store_seq_cst(Health::invalid);
}

} // namespace dmsnap
