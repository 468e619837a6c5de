// SPDX-License-Identifier: GPL-2.0-only
/* Merger: the background part, see merger.hpp. merge_map.cpp maps bios. */
#include "merge/merger.hpp"

#include <dmsnap/port/log.h>
#include <dmsnap/port/work.h>

#include "snapshot/snapshot.hpp"

namespace dmsnap {

namespace {

/* The in-tree driver's messages: administrators search the log for them. */
constexpr const char *read_error = "Read error: shutting down merge.";
constexpr const char *write_error = "Write error: shutting down merge.";
constexpr const char *flush_error = "Flush after merge failed: shutting down merge";
constexpr const char *list_read_error = "Read error in exception store: shutting down merge";
constexpr const char *list_write_error = "Write error in exception store: shutting down merge";
constexpr const char *list_corrupt = "Exception store and table do not agree: shutting down merge";

} // namespace

Result<Owned<Merger>> Merger::create(Snapshot &snapshot, Origin &origin)
{
	auto merger = DMSNAP_TRY(make_owned<Merger>(snapshot, origin));
	merger->claims_ = DMSNAP_TRY(MergeClaims::create(*merger));
	DMSNAP_CHECK(merger->tail_.allocate());
	DMSNAP_CHECK(merger->batch_.allocate(ListTail::exceptions_max));
	return merger;
}

Merger::Merger(Snapshot &snapshot, Origin &origin)
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
	uint64_t begin = chunk_size().first_sector(run.old_begin.value);
	uint64_t last_begin = chunk_size().first_sector(run.old_end().value - 1);
	uint64_t end = chunk_size().first_sector(run.old_end().value);
	uint64_t device_end = dmsnap_port_device_sectors(origin_device());

	if (last_begin < snapshot_.sectors() && snapshot_.sectors() < end)
		end = snapshot_.sectors();
	return begin < device_end && device_end < end ? device_end : end;
}

OldChunk Merger::last_chunk() const
{
	return {chunk_size().chunk_of(snapshot_.sectors() - 1)};
}

void Merger::start()
{
	if (!snapshot_.healthy()) {
		dmsnap_port_log(DMSNAP_LOG_ERROR, "Snapshot is invalid: can't merge");
		return;
	}
	begin_run(true);
}

void Merger::pause()
{
	{
		SpinGuard guard(origin().lock());
		paused_ = true;
	}
	origin().worker().post(look_task_);
}

void Merger::go_on()
{
	begin_run(false);
}

void Merger::set_rate(uint32_t kib)
{
	rate_.store_relaxed(kib);
	origin().worker().post(look_task_);
}

/* @resumed: the device was resumed; otherwise a message continues the merge. */
void Merger::begin_run(bool resumed)
{
	{
		SpinGuard guard(origin().lock());
		(resumed ? stop_ : paused_) = false;
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
		SpinGuard guard(origin().lock());
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
		SpinGuard guard(origin().lock());
		if (!blocked_)
			return true;
		stop_ = true;
		running_ = true;
		idle_ = &idle;
	}
	origin().worker().post(next_task_);
	idle.wait();
	SpinGuard guard(origin().lock());
	return !blocked_;
}

void Merger::end_run()
{
	if (phase_ != Phase::uncertain)
		phase_ = Phase::idle;
	SpinGuard guard(origin().lock());
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
	if (told_to_stop()) {
		end_run();
		return;
	}
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

/* tail_ended() follows. */
void Merger::ask_store(void (PersistentStore::*request)(ListTail &))
{
	request_ = request;
	cow_worker().post(request_task_);
}

void Merger::submit_request()
{
	(snapshot_.persistent()->*request_)(tail_);
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
	SpinGuard guard(origin().lock());
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

/* Abandons a batch that is claiming, or about to: see merger.hpp. */
void Merger::break_off()
{
	claims_->stop();
	dissolve();
	next_batch();
}

/* In exceptions. */
uint32_t Merger::batch_size() const
{
	uint64_t most = batch_sectors_max >> chunk_size().shift();
	uint64_t size = size_ < most ? size_ : most;
	/* A rate limit bounds the batch to a quarter of a second's worth, to avoid bursts. */
	uint64_t rate = rate_.load_relaxed();
	uint64_t at_once = rate / 2 >> chunk_size().shift();
	if (rate && at_once < size)
		size = at_once;
	return size ? static_cast<uint32_t>(size) : 1;
}

void Merger::tail_ended()
{
	switch (phase_) {
	case Phase::reading:
		if (!tail_.status)
			give_up(list_read_error);
		else if (!take_entries())
			give_up(list_corrupt);
		else
			go_live();
		break;
	case Phase::cutting:
		if (tail_.status) {
			{
				SpinGuard guard(origin().lock());
				snapshot_.persistent()->tail_is_cut(tail_);
			}
			merged_any_ = true;
			paced_sectors_ += chunk_size().first_sector(tail_.count());
			erased_ = 0;
			phase_ = Phase::retiring;
			retire();
		} else {
			phase_ = Phase::uncertain;
			give_up(list_write_error);
		}
		break;
	default:
		put_back_ended(tail_.status);
	}
}

/* The list on disk must match the table in memory; otherwise one of them is corrupt. */
bool Merger::take_entries()
{
	for (uint32_t i = 0; i < tail_.count(); i++) {
		format::Exception exception = tail_.at(i);
		Mapping mapping = snapshot_.look_up(exception.old_chunk, 1);
		if (!mapping.mapped || mapping.new_begin != exception.new_chunk) {
			dmsnap_port_log(
				DMSNAP_LOG_ERROR,
				"Corruption detected: exception for block %llu is on disk but not in memory",
				static_cast<unsigned long long>(exception.old_chunk.value));
			batch_.clear();
			return false;
		}
		batch_.add(exception);
	}
	batch_.build(*this, chunk_size());
	return true;
}

void Merger::go_live()
{
	{
		SpinGuard guard(origin().lock());
		live_ = true;
	}
	phase_ = Phase::claiming;
	rounds_ = 0;
	if (snapshot_.regions().wait(writers_, 0, UINT64_MAX))
		writers_gone();
}

/*
 * All writes to the COW device that began before the batch went live, or was blocked, have ended.
 */
void Merger::writers_gone()
{
	copy_error_ = nullptr;
	if (phase_ != Phase::claiming)
		copy(true);
	else if (told_to_stop())
		break_off();
	else
		claims_->start();
}

void Merger::claimed()
{
	phase_ = Phase::copying;
	copy(false);
}

void Merger::copy(bool only_again)
{
	awaited_ = (phase_ == Phase::settling && last_round_) || told_to_stop();
	/* An extra count, so that no job is the last before all have been started. */
	jobs_left_ = 1;
	for (MergeJob &job : batch_.jobs()) {
		if (only_again && !job.again)
			continue;
		jobs_left_++;
		job.start();
	}
	job_ended();
}

void Merger::copy_failed(const MergeTarget &target)
{
	copy_error_ = target.read_failed ? read_error : write_error;
}

void Merger::job_ended()
{
	if (--jobs_left_ > 0)
		return;
	if (copy_error_)
		give_up(copy_error_);
	else if (phase_ == Phase::settling && last_round_)
		flush();
	else
		settle();
}

/*
 * Copies dirty jobs once more.  The next round sees a write that marks a job after this, unless
 * the batch is blocked and the write waits.  A write that marked a job before this must end
 * before the job is read again.
 */
void Merger::settle()
{
	bool any = false;
	{
		SpinGuard guard(origin().lock());
		for (MergeJob &job : batch_.jobs()) {
			job.again = std::exchange(job.dirty, false);
			any |= job.again;
		}
		last_round_ = !any || rounds_ == rounds_max;
		blocked_ = last_round_;
	}
	rounds_++;
	phase_ = Phase::settling;
	if (snapshot_.regions().wait(writers_, 0, UINT64_MAX))
		writers_gone();
}

void Merger::flush()
{
	phase_ = Phase::flushing;
	dmsnap_port_io_submit(
		origin_device(), DMSNAP_IO_FLUSH, DMSNAP_IO_SYNC, 0, 0, nullptr, 0,
		[](void *ctx, int error) {
			auto *merger = static_cast<Merger *>(ctx);
			merger->flush_error_ = error;
			merger->origin().worker().post(merger->flushed_task_);
		},
		this);
}

void Merger::flushed()
{
	if (flush_error_) {
		give_up(flush_error);
		return;
	}
	phase_ = Phase::cutting;
	ask_store(&PersistentStore::cut_tail);
}

/*
 * The list is durably shorter; now erase the chunks from the table.  This is done in pieces, as
 * interrupts are off.  A chunk already erased may be written while others still wait.
 */
void Merger::retire()
{
	auto targets = batch_.by_origin();
	ExceptionTable &table = snapshot_.exception_table();

	while (erased_ < targets.size()) {
		SpinGuard guard(origin().lock());
		for (uint32_t n = 0; n < erased_at_once && erased_ < targets.size(); n++) {
			if (!table.reserve(DMSNAP_ALLOC_NOWAIT)) {
				/* Nothing reports that memory is free again, so use a timer. */
				memory_timer_.start(memory_wait_ms);
				return;
			}
			const Run &run = targets[erased_++]->run;
			table.erase(run.old_begin, run.count);
		}
	}
	statistics_.chunks += tail_.count();
	statistics_.batch_chunks.add(tail_.count());
	uint64_t us = statistics_.batch_us.add_us_since(begun_ns_);
	snapshot_.trace_batch(DMSNAP_TRACE_MERGE_BATCH, tail_.count(), us, false);
	dissolve();
	adapt();
	/* Through the queue, so that other tasks of the worker get their turn. */
	origin().worker().post(next_task_);
}

/* The batch ends, merged or not.  Writes that waited for it are mapped again. */
void Merger::dissolve()
{
	Ios ios;
	{
		SpinGuard guard(origin().lock());
		live_ = false;
		blocked_ = false;
		ios.take_all(waiting_);
	}
	batch_.clear();
	phase_ = Phase::idle;
	while (Io *io = ios.pop_front())
		retry(*io);
}

void Merger::give_up(const char *text)
{
	dmsnap_port_log(DMSNAP_LOG_ERROR, "%s", text);
	failed_.store_relaxed(true);
	statistics_.failures++;
	if (phase_ != Phase::uncertain)
		dissolve();
	dmsnap_port_target_event(snapshot_.events().target(), DMSNAP_EVENT_MERGE_FAILED);
	merged_any_ = false;
	end_run();

	/* From here on a write that has to wait posts the task itself. */
	bool wanted;
	{
		SpinGuard guard(origin().lock());
		wanted = !waiting_.empty();
	}
	if (wanted)
		put_back();
}

/* A write needs a chunk of the uncertain batch, or the merge should continue. */
void Merger::put_back()
{
	if (phase_ != Phase::uncertain)
		return;
	phase_ = Phase::putting_back;
	ask_store(&PersistentStore::put_back_tail);
}

void Merger::put_back_ended(const Status &status)
{
	bool running;
	{
		SpinGuard guard(origin().lock());
		running = running_;
	}
	if (status) {
		dissolve();
		if (running)
			origin().worker().post(next_task_);
		return;
	}
	/* It failed again.  An error is better than a write that may be lost. */
	Ios ios;
	{
		SpinGuard guard(origin().lock());
		ios.take_all(waiting_);
	}
	phase_ = Phase::uncertain;
	while (Io *io = ios.pop_front())
		dmsnap_port_bio_end(io->bio, to_errno(Error::write_failed));
	if (running)
		give_up(list_write_error);
}

void Merger::adapt()
{
	uint64_t took = dmsnap_port_now_ns() - begun_ns_;
	uint64_t size = uint64_t{size_} * 2;

	if (used_.load_relaxed() && took > batch_goal_ns / 2)
		size = size_ * batch_goal_ns / took;
	size = size < batch_least ? batch_least : size;
	size_ = size < ListTail::exceptions_max ? static_cast<uint32_t>(size)
						: ListTail::exceptions_max;
}

} // namespace dmsnap
