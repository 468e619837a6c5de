// SPDX-License-Identifier: GPL-2.0-only
#include "snapshot/commit_queue.hpp"

#include <utility>

#include "snapshot/pending_run.hpp"
#include "snapshot/snapshot.hpp"

namespace dmsnap {

CommitQueue::CommitQueue(Snapshot &snapshot, OriginLock &lock, Worker &worker)
    : snapshot_(snapshot), lock_(lock), worker_(worker)
{
}

void CommitQueue::add(PendingRun &run)
{
	lock_.assert_held();
	ready_.push_back(run);
	hurry();
}

void CommitQueue::add_lazy(PendingRun &run)
{
	lock_.assert_held();
	lazy_.push_back(run);
	timer_.start(delay_ms_);
}

void CommitQueue::set_delay(unsigned int milliseconds)
{
	lock_.assert_held();
	delay_ms_ = milliseconds;
	if (!lazy_.empty())
		timer_.start(delay_ms_);
}

void CommitQueue::wait(CommitWaiter &waiter)
{
	lock_.assert_held();
	waiters_.push_back(waiter);
	hurry();
}

void CommitQueue::start()
{
	{
		OriginGuard guard(lock_);
		if (committing_) {
			again_ = true;
			return;
		}
		batch_.entries.take_all(ready_);
		batch_.entries.take_all(lazy_);
		batch_waiters_.take_all(waiters_);
		if (batch_.entries.empty() && batch_waiters_.empty())
			return;
		committing_ = true;
	}
	batch_.status = {};
	begun_ns_ = dmsnap_port_now_ns();
	if (!snapshot_.healthy()) {
		batch_.status = fail(Error::write_failed);
		end(CowFlush::none);
	} else if (batch_.entries.empty()) {
		end(CowFlush::none);
	} else {
		snapshot_.store().commit(batch_);
	}
}

void CommitQueue::batch_ended(CommitBatch &batch)
{
	static_cast<Batch &>(batch).queue.end(CowFlush::done);
}

void CommitQueue::end(CowFlush flush)
{
	const bool flushed = flush == CowFlush::done;
	Status status = batch_.status;

	if (!status)
		snapshot_.fail(Snapshot::Failure::io);
	const uint64_t us = flushed ? us_since(begun_ns_) : 0;
	uint64_t runs = 0;
	{
		OriginGuard guard(lock_);
		snapshot_.origin().begin_gathering();
	}
	while (CommitEntry *entry = batch_.entries.pop_front()) {
		runs++;
		snapshot_.run_recorded(static_cast<PendingRun &>(*entry), status);
	}
	if (flushed)
		snapshot_.trace_batch(DMSNAP_TRACE_COMMIT, runs, us, status);

	Waiters waiters;
	waiters.take_all(batch_waiters_);
	{
		OriginGuard guard(lock_);
		snapshot_.origin().end_gathering();
		if (flushed) {
			snapshot_.statistics().commit_us.add(us);
			snapshot_.statistics().commit_runs.add(runs);
		}
		committing_ = false;
		if (std::exchange(again_, false))
			hurry();
	}
	while (CommitWaiter *waiter = waiters.pop_front())
		waiter->done(*waiter, status, flushed);
}

void CommitQueue::stop()
{
	timer_.cancel();
	worker_.stop(task_);
}

} // namespace dmsnap
