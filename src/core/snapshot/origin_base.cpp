// SPDX-License-Identifier: GPL-2.0-only
#include "snapshot/origin_base.hpp"

#include "snapshot/snapshot.hpp"

namespace dmsnap {

namespace {

/* Reserved for when memory is short. */
constexpr unsigned int runs_reserved = 64;
constexpr unsigned int operations_reserved = 16;

/* Cached until no operation has existed for a while. */
constexpr unsigned int runs_kept = 512;
constexpr unsigned int operations_kept = 64;
constexpr unsigned int idle_ms = 1000;

} // namespace

OriginBase::OriginBase(Owned<Worker> worker, HeldWrites &writes, Task &idle_task)
    : worker_(std::move(worker)), own_writes_(writes), idle_timer_(*worker_, idle_task)
{
}

Status OriginBase::allocate()
{
	DMSNAP_CHECK(copied_map_.allocate());
	copier_ = DMSNAP_TRY(Copier::create(*worker_));
	runs_ = DMSNAP_TRY(Pool<PendingRun>::create("dmsnap_run", runs_reserved, runs_kept));
	copy_outs_ = DMSNAP_TRY(
		Pool<CopyOut>::create("dmsnap_copy_out", operations_reserved, operations_kept));
	snapshot_writes_ = DMSNAP_TRY(Pool<SnapshotWrite>::create(
		"dmsnap_snapshot_write", operations_reserved, operations_kept));
	return {};
}

void OriginBase::stop_timers()
{
	memory_timer_.cancel();
	worker_->stop(memory_task_);
	idle_timer_.cancel();
}

void OriginBase::trim()
{
	runs_.trim();
	copy_outs_.trim();
	snapshot_writes_.trim();
}

CopyOut *OriginBase::new_copy_out(uint64_t begin)
{
	lock_.assert_held();
	CopyOut *made = copy_outs_.get(*this);
	if (!made)
		return nullptr;
	operations_++;
	made->begin_sector = begin;
	made->end_sector = begin;
	made->generation = copied_map_.generation();
	return made;
}

void OriginBase::close(CopyOut &copy_out)
{
	lock_.assert_held();
	if (open_ == &copy_out)
		open_ = nullptr;
}

PendingRun *OriginBase::new_run(Snapshot &snapshot, Operation &operation, const Run &run)
{
	lock_.assert_held();
	PendingRun *pending = runs_.get(snapshot, operation, run);
	if (!pending)
		return nullptr;
	operation.runs.push_back(*pending);
	operation.unfinished++;
	snapshot.hold();
	return pending;
}

SnapshotWrite *OriginBase::new_snapshot_write(Snapshot &snapshot, SnapshotIo &io)
{
	lock_.assert_held();
	SnapshotWrite *write = snapshot_writes_.get(*this, snapshot, io);
	if (write)
		operations_++;
	return write;
}

void OriginBase::forget(PendingRun &run)
{
	Snapshot &snapshot = run.snapshot;
	run.operation.unfinished--;
	run.operation_link.unlink();
	runs_.put(&run);
	snapshot.drop();
}

void OriginBase::free_operation(Operation &operation)
{
	while (PendingRun *run = operation.runs.front()) {
		if (run->ended) {
			run->operation_link.unlink();
			runs_.put(run);
		} else {
			forget(*run);
		}
	}
	operations_--;
	switch (operation.kind) {
	case Operation::Kind::copy_out:
		copy_outs_.put(static_cast<CopyOut *>(&operation));
		break;
	case Operation::Kind::snapshot_write:
		snapshot_writes_.put(static_cast<SnapshotWrite *>(&operation));
		break;
	}
	if (operations_ == 0)
		idle_timer_.start(idle_ms);
}

void OriginBase::part_finished(Operation &operation)
{
	lock_.assert_held();
	if (--operation.unfinished > 0)
		return;
	if (operation.kind == Operation::Kind::copy_out)
		remember(static_cast<CopyOut &>(operation));
	free_operation(operation);
	release_held();
}

/*
 * All runs have ended.  The writes that wait for them find the range in the map, and need not ask
 * each snapshot again.  Not so after a copy ahead: the next write has to be seen to follow it.
 */
void OriginBase::remember(const CopyOut &copy_out)
{
	if (!copy_out.complete || copy_out.ahead)
		return;
	RcuGuard rcu;
	copied_map_.put(copy_out.begin_sector, copy_out.end_sector, copy_out.generation);
}

void OriginBase::wake(SnapshotWrite &write)
{
	lock_.assert_held();
	look_again(write.run->waiters);
	release_held();
}

void OriginBase::hold(HeldWrites &writes, Io &io)
{
	lock_.assert_held();
	writes.hold(io);
	if (!writes.holder_link.linked())
		holders_.push_back(writes);
	memory_timer_.start(memory_check_ms);
}

void OriginBase::look_for_memory()
{
	OriginGuard guard(lock_);
	release_held();
}

/* Writes that must keep waiting come back through hold(). */
void OriginBase::release_held()
{
	lock_.assert_held();
	while (HeldWrites *writes = holders_.pop_front())
		writes->release();
}

void OriginBase::look_again(Io &io)
{
	lock_.assert_held();
	HeldWrites &writes = io.writes;

	writes.add_due(io);
	if (gathering_ == 0)
		writes.examine_due_soon();
	else if (!writes.due_link.linked())
		due_.push_back(writes);
}

/* Also releases what other gatherers have added, whose end may be far off. */
void OriginBase::end_gathering()
{
	gathering_--;
	while (HeldWrites *writes = due_.pop_front())
		writes->examine_due_soon();
}

void OriginBase::look_again(Ios &ios)
{
	while (Io *io = ios.pop_front())
		look_again(*io);
}

Streams::Count OriginBase::ahead_spent() const
{
	Streams::Count spent = streams_.count();
	spent.waiting += ahead_begun_;
	return spent;
}

} // namespace dmsnap
