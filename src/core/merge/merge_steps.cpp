// SPDX-License-Identifier: GPL-2.0-only
/* Merger: the steps of one batch, and what follows if one fails: see merger.hpp. */
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
				OriginGuard guard(origin().lock());
				snapshot_.persistent()->tail_is_cut(tail_);
			}
			merged_any_ = true;
			paced_sectors_ += chunk_size().sectors_in(tail_.count());
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
		OriginGuard guard(origin().lock());
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
		copy(Copies::again);
	else if (told_to_stop())
		break_off();
	else
		claims_->start();
}

void Merger::claimed()
{
	phase_ = Phase::copying;
	copy(Copies::all);
}

void Merger::copy(Copies which)
{
	awaited_ = (phase_ == Phase::settling && last_round_) || told_to_stop();
	/* An extra count, so that no job is the last before all have been started. */
	jobs_left_ = 1;
	for (MergeJob &job : batch_.jobs()) {
		if (which == Copies::again && !job.again)
			continue;
		jobs_left_++;
		job.start();
	}
	job_ended();
}

void Merger::copy_failed(const MergeExtent &extent)
{
	copy_error_ = extent.read_failed ? read_error : write_error;
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
		OriginGuard guard(origin().lock());
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
	dmsnap_port_io_submit(origin_device(), DMSNAP_IO_FLUSH, DMSNAP_IO_SYNC, 0, 0, nullptr, 0,
			      flushed_task_.ended, flushed_task_.on(origin().worker()));
}

void Merger::flushed(int error)
{
	if (error) {
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
	auto extents = batch_.by_origin();
	ExceptionTable &table = snapshot_.exception_table();

	while (erased_ < extents.size()) {
		OriginGuard guard(origin().lock());
		for (uint32_t n = 0; n < erased_at_once && erased_ < extents.size(); n++) {
			if (!table.reserve(DMSNAP_ALLOC_NOWAIT)) {
				/* Nothing reports that memory is free again, so use a timer. */
				memory_timer_.start(memory_wait_ms);
				return;
			}
			const Run &run = extents[erased_++]->run;
			table.erase(run.old_begin, run.count);
		}
	}
	statistics_.chunks += tail_.count();
	statistics_.batch_chunks.add(tail_.count());
	uint64_t us = statistics_.batch_us.add_us_since(begun_ns_);
	snapshot_.trace_batch(DMSNAP_TRACE_MERGE_BATCH, tail_.count(), us, {});
	dissolve();
	adapt();
	/* Through the queue, so that other tasks of the worker get their turn. */
	origin().worker().post(next_task_);
}

/* Abandons a batch that is claiming, or about to: see merger.hpp. */
void Merger::break_off()
{
	claims_->stop();
	dissolve();
	next_batch();
}

/* The batch ends, merged or not.  Writes that waited for it are mapped again. */
void Merger::dissolve()
{
	Ios ios;
	{
		OriginGuard guard(origin().lock());
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
		OriginGuard guard(origin().lock());
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
		OriginGuard guard(origin().lock());
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
		OriginGuard guard(origin().lock());
		ios.take_all(waiting_);
	}
	phase_ = Phase::uncertain;
	while (Io *io = ios.pop_front())
		dmsnap_port_bio_end(io->bio, to_errno(Error::write_failed));
	if (running)
		give_up(list_write_error);
}

} // namespace dmsnap
