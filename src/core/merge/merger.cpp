// SPDX-License-Identifier: GPL-2.0-only
/* Merger: when a batch begins, and how large it is.  merge_steps.cpp merges it. */
#include "merge/merger.hpp"

#include <dmsnap/port/log.h>

#include "base/min_max.hpp"
#include "snapshot/snapshot.hpp"

namespace dmsnap {

Result<Owned<Merger>> Merger::create(Snapshot &snapshot, Origin &origin)
{
	auto merger = DMSNAP_TRY(make_owned<Merger>(CreateKey<Merger>(), snapshot, origin));
	merger->claims_ = DMSNAP_TRY(MergeClaims::create(*merger));
	DMSNAP_CHECK(merger->tail_.allocate());
	DMSNAP_CHECK(merger->batch_.allocate(ListTail::exceptions_max));
	return merger;
}

Merger::Merger(CreateKey<Merger>, Snapshot &snapshot, Origin &origin)
    : snapshot_(snapshot), origin_(origin), memory_timer_(origin.worker(), retire_task_),
      pace_timer_(origin.worker(), look_task_)
{
}

Merger::~Merger()
{
	memory_timer_.cancel();
	pace_timer_.cancel();
	origin().worker().stop(look_task_);
	origin().worker().stop(put_back_task_);
	cow_worker().stop(send_task_);
	/* A batch may be left whose cut failed. */
	batch_.clear();
}

Copier &Merger::copier()
{
	return origin().copier();
}

dmsnap_device *Merger::origin_device() const
{
	return snapshot_.origin_device();
}

dmsnap_device *Merger::cow_device() const
{
	return snapshot_.cow_device();
}

Worker &Merger::cow_worker() const
{
	return snapshot_.worker();
}

ChunkSize Merger::chunk_size() const
{
	return snapshot_.chunk_size();
}

uint64_t Merger::end_on_origin(const Run &run) const
{
	uint64_t begin = chunk_size().first_sector(run.old_begin);
	uint64_t last_begin = chunk_size().first_sector(run.old_end() - 1);
	uint64_t end = chunk_size().first_sector(run.old_end());
	uint64_t device_end = dmsnap_port_device_sectors(origin_device());

	if (last_begin < snapshot_.sectors() && snapshot_.sectors() < end)
		end = snapshot_.sectors();
	return begin < device_end ? smaller(device_end, end) : end;
}

OldChunk Merger::last_chunk() const
{
	return chunk_size().chunk_of(snapshot_.sectors() - 1);
}

void Merger::start()
{
	if (!snapshot_.healthy()) {
		dmsnap_port_log(DMSNAP_LOG_ERROR, "Snapshot is invalid: can't merge");
		return;
	}
	begin_run(&Merger::stop_);
}

void Merger::pause()
{
	{
		OriginGuard guard(origin().lock());
		paused_ = true;
	}
	origin().worker().post(look_task_);
}

void Merger::go_on()
{
	begin_run(&Merger::paused_);
}

void Merger::set_rate(uint32_t kib)
{
	rate_.store_relaxed(kib);
	origin().worker().post(look_task_);
}

void Merger::begin_run(bool Merger::*obstacle)
{
	{
		OriginGuard guard(origin().lock());
		this->*obstacle = false;
		if (stop_ || paused_ || running_ || !snapshot_.healthy())
			return;
		running_ = true;
	}
	failed_.store_relaxed(false);
	origin().worker().post(next_task_);
}

void Merger::stop()
{
	Event idle;
	{
		OriginGuard guard(origin().lock());
		stop_ = true;
		if (!running_)
			return;
		idle_ = &idle;
	}
	origin().worker().post(look_task_);
	idle.wait();
}

/* Starts a run that ends as soon as the list is certain, or writing it back has failed. */
bool Merger::make_list_certain()
{
	Event idle;
	{
		OriginGuard guard(origin().lock());
		if (!blocked_)
			return true;
		stop_ = true;
		running_ = true;
		idle_ = &idle;
	}
	origin().worker().post(next_task_);
	if (!idle.wait_killable("writing back the exceptions of a failed merge"))
		return true;
	/* end_run() may be setting it right now, under the lock. */
	OriginGuard guard(origin().lock());
	idle_ = nullptr;
	return false;
}

bool Merger::list_is_certain()
{
	OriginGuard guard(origin().lock());
	return !blocked_;
}

void Merger::end_run()
{
	if (phase_ != Phase::uncertain)
		phase_ = Phase::idle;
	OriginGuard guard(origin().lock());
	run_has_ended();
}

/*
 * Looks and ends the run in one hold of the lock: a begin_run() in between would find the run going
 * on, and leave it to that.
 */
bool Merger::end_run_if_told()
{
	phase_ = Phase::idle;
	OriginGuard guard(origin().lock());
	if (!stop_ && !paused_)
		return false;
	run_has_ended();
	return true;
}

void Merger::run_has_ended()
{
	origin().lock().assert_held();
	running_ = false;
	if (Event *idle = std::exchange(idle_, nullptr))
		idle->set();
}

/* Called between batches, and at the start of a run. */
void Merger::next_batch()
{
	/* put_back_ended() continues the run. */
	if (phase_ == Phase::putting_back)
		return;
	if (phase_ == Phase::uncertain) {
		put_back();
		return;
	}
	if (end_run_if_told())
		return;
	PersistentStore &store = *snapshot_.persistent();
	if (store.exceptions() == 0) {
		if (std::exchange(merged_any_, false))
			dmsnap_port_target_event(snapshot_.events().target(), DMSNAP_EVENT_MERGED);
		end_run();
		return;
	}
	if (ahead_of_rate())
		return;
	begun_ns_ = dmsnap_port_now_ns();
	used_.store_relaxed(false);
	phase_ = Phase::reading;
	tail_.limit(batch_size());
	ask_store(&PersistentStore::read_tail);
}

/* Returns true if the rate limit requires a delay.  A timer then continues the run. */
bool Merger::ahead_of_rate()
{
	uint64_t rate = rate_.load_relaxed();
	uint64_t now = dmsnap_port_now_ns();
	/* A sector is half a KiB.  The delay is at most a minute. */
	uint64_t due_ms = rate && paced_sectors_ < rate * 120 ? paced_sectors_ * 500 / rate : 60000;
	uint64_t passed_ms = (now - paced_since_ns_) / 1000000;

	if (rate == 0 || passed_ms >= due_ms) {
		paced_sectors_ = 0;
		paced_since_ns_ = now;
		return false;
	}
	phase_ = Phase::pacing;
	pace_timer_.start(static_cast<unsigned int>(due_ms - passed_ms));
	return true;
}

bool Merger::told_to_stop()
{
	OriginGuard guard(origin().lock());
	return stop_ || paused_;
}

/* The delay is over, the rate has changed, or the run must end. */
void Merger::look()
{
	if (phase_ == Phase::pacing) {
		phase_ = Phase::idle;
		next_batch();
	} else if (!told_to_stop()) {
		return;
	} else if (phase_ == Phase::claiming) {
		/* If it still waits for writers, writers_gone() breaks it off. */
		if (claims_->any())
			break_off();
	} else if (phase_ == Phase::copying || phase_ == Phase::settling) {
		for (MergeJob &job : batch_.jobs())
			copier().hurry(job);
	}
}

/* In exceptions. */
uint32_t Merger::batch_size() const
{
	uint64_t most = batch_sectors_max >> chunk_size().shift();
	uint64_t size = smaller<uint64_t>(size_, most);
	/* A rate limit bounds the batch to a quarter of a second's worth, to avoid bursts. */
	uint64_t rate = rate_.load_relaxed();
	uint64_t at_once = rate / 2 >> chunk_size().shift();
	if (rate && at_once < size)
		size = at_once;
	return size ? static_cast<uint32_t>(size) : 1;
}

void Merger::adapt()
{
	uint64_t took = dmsnap_port_now_ns() - begun_ns_;
	uint64_t size = uint64_t{size_} * 2;

	if (used_.load_relaxed() && took > batch_goal_ns / 2)
		size = size_ * batch_goal_ns / took;
	size = larger<uint64_t>(size, batch_least);
	size_ = static_cast<uint32_t>(smaller<uint64_t>(size, ListTail::exceptions_max));
}

} // namespace dmsnap
