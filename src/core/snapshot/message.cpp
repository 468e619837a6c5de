// SPDX-License-Identifier: GPL-2.0-only
/*
 * Snapshot: what it does when a message comes.  Messages come at any time between the
 * first resume and the end of the table, also while a handover is under way.
 */
#include <dmsnap/port/log.h>

#include "base/text_writer.hpp"
#include "snapshot/snapshot.hpp"
#include "store/sync_io.hpp"

namespace dmsnap {

namespace {

/* For what is @worker's.  Sleeps. */
template <typename Body> void run_on(Worker &worker, Body body)
{
	struct Call : Task {
		explicit Call(Body &of)
		    : Task([](Task &task) {
			      auto &call = static_cast<Call &>(task);
			      call.body();
			      call.done.set();
		      }),
		      body(of)
		{
		}
		Body &body;
		Event done;
	} call(body);
	worker.post(call);
	call.done.wait();
}

} // namespace

int Snapshot::message(unsigned int argc, const char *const *argv, std::span<char> answer)
{
	auto message = parse_message(argc, argv);
	if (!message) {
		dmsnap_port_log(DMSNAP_LOG_ERROR, "message %s: %s", argc ? argv[0] : "",
				message.error());
		return to_errno(Error::message_unknown);
	}
	Status status = obey(*message, answer);
	if (!status)
		dmsnap_port_log(DMSNAP_LOG_ERROR, "message %s: %s", argv[0],
				to_text(status.error()));
	return status ? 0 : to_errno(status.error());
}

Status Snapshot::obey(const Message &message, std::span<char> answer)
{
	using Kind = Message::Kind;

	switch (message.kind) {
	case Kind::stats:
		run_on(origin_->worker(), [&] { report(answer); });
		return {};
	case Kind::stats_reset:
		run_on(origin_->worker(), [&] { begin_statistics(); });
		return {};
	case Kind::commit:
		return commit_now(answer);
	case Kind::merge_pause:
	case Kind::merge_resume:
	case Kind::merge_rate:
		if (!merger_)
			return dmsnap::fail(Error::message_elsewhere);
		if (message.kind == Kind::merge_pause)
			merger_->pause();
		else if (message.kind == Kind::merge_resume)
			merger_->go_on();
		else
			merger_->set_rate(message.value);
		return {};
	default:
		return turn_knob(message);
	}
}

/*
 * What nobody said in the table line or with a message is as the module's parameters have
 * it now.
 */
bool Snapshot::stalls_on_full() const
{
	if (knobs_.stall != Knobs::Stall::as_table)
		return knobs_.stall == Knobs::Stall::on;
	if (features_.stall_on_full || features_.no_stall_on_full)
		return features_.stall_on_full;
	return !merges() && store_args_.type == StoreType::persistent &&
	       dmsnap_port_stall_on_full();
}

uint32_t Snapshot::low_water() const
{
	return knobs_.low_water == Knobs::as_module ? dmsnap_port_low_water() : knobs_.low_water;
}

Status Snapshot::turn_knob(const Message &message)
{
	using Kind = Message::Kind;
	SpinGuard guard(origin_->lock());

	switch (message.kind) {
	case Kind::stall_on:
	case Kind::stall_off:
		if (merges() || store_args_.type != StoreType::persistent)
			return dmsnap::fail(Error::message_elsewhere);
		knobs_.stall = message.kind == Kind::stall_on ? Knobs::Stall::on
							      : Knobs::Stall::off;
		stall_->look();
		break;
	case Kind::low_water:
		knobs_.low_water = message.value;
		above_low_water_ = false;
		/* Who sets the mark too late hears of it all the same. */
		if (store_)
			look_at_low_water();
		break;
	case Kind::in_flight:
		knobs_.in_flight = message.value;
		break;
	case Kind::copy_ahead:
		if (merges())
			return dmsnap::fail(Error::message_elsewhere);
		knobs_.copy_ahead = message.value;
		break;
	case Kind::commit_delay:
		commits_->set_delay(message.value);
		break;
	default:
		return dmsnap::fail(Error::message_elsewhere);
	}
	return {};
}

/* Its own, and the copier's, which serves all snapshots of the origin. */
void Snapshot::begin_statistics()
{
	{
		SpinGuard guard(origin_->lock());
		statistics_ = {};
	}
	if (merger_)
		merger_->statistics() = {};
	origin_->copier().statistics() = {};
	origin_->held_us() = {};
	origin_->discards() = {};
}

void Snapshot::report(std::span<char> answer)
{
	TextWriter text(answer);
	SnapshotStatistics statistics;

	text.line("stats", 1);
	{
		SpinGuard guard(origin_->lock());
		text.line("stalled", stall_->active());
		text.line("stall_on_full", stalls_on_full());
		text.line("low_water", low_water());
		text.line("copying_chunks", copying_chunks_);
		if (invalid_reason_) {
			text.line("invalid_reason", invalid_reason_);
			text.line("invalid_seconds",
				  (dmsnap_port_now_ns() - invalid_ns_) / 1000000000);
		}
		text.line("table_pages", table_ ? table_->pages() : 0);
		statistics = statistics_;
	}
	text.line("copies", statistics.copies);
	text.line("copied_chunks", statistics.copied_chunks);
	text.line("copy_us", statistics.copy_us);
	text.line("ahead_chunks", statistics.ahead_chunks);
	text.line("writes", statistics.writes);
	text.line("written_chunks", statistics.written_chunks);
	text.line("write_us", statistics.write_us);
	text.line("commit_us", statistics.commit_us);
	text.line("commit_runs", statistics.commit_runs);
	text.line("readers_us", statistics.readers_us);
	if (merger_) {
		const MergeStatistics &merge = merger_->statistics();
		text.line("merged_chunks", merge.chunks);
		text.line("merge_failures", merge.failures);
		text.line("merge_batch_us", merge.batch_us);
		text.line("merge_batch_chunks", merge.batch_chunks);
	}
	const CopyStatistics &copies = origin_->copier().statistics();
	text.line("origin_pages", origin_->copier().pages_out());
	text.line("origin_map_pages", origin_->map_pages());
	const Streams::Count ahead = origin_->streams().count();
	text.line("origin_ahead_sectors", ahead.copied);
	text.line("origin_ahead_unwritten_sectors", ahead.waiting + ahead.wasted);
	text.line("origin_discarded_sectors", origin_->discards().passed);
	text.line("origin_discards_left_sectors", origin_->discards().left);
	text.line("origin_held_us", origin_->held_us());
	text.line("origin_page_wait_us", copies.page_wait_us);
	text.line("origin_read_sectors", copies.read_sectors);
	text.line("origin_read_us", copies.read_us);
	text.line("origin_written_sectors", copies.written_sectors);
	text.line("origin_write_us", copies.write_us);
}

/*
 * Everything written so far is durable when this returns, and so many exceptions are
 * on the list then: a reader of the COW device finds them there, however the list
 * grows meanwhile, as long as nothing is merged.
 */
Status Snapshot::commit_now(std::span<char> answer)
{
	SyncCommit commit;

	if (merges())
		return dmsnap::fail(Error::message_elsewhere);
	{
		SpinGuard guard(origin_->lock());
		if (!healthy())
			return dmsnap::fail(Error::snapshot_invalid);
		if (changes_hands())
			return dmsnap::fail(Error::store_changes_hands);
		if (!persistent_)
			return dmsnap::fail(Error::message_elsewhere);
		/* A handover waits for us. */
		hold();
		commits_->wait(commit);
	}
	commit.durable.wait();
	/* More by now, perhaps, and those are recorded as well. */
	uint64_t exceptions = 0;
	run_on(*worker_, [&] { exceptions = persistent_->exceptions(); });
	int error = 0;
	if (commit.status && !commit.flushed)
		error = sync_io(cow_device_, DMSNAP_IO_FLUSH, 0, 0, 0, nullptr);
	{
		SpinGuard guard(origin_->lock());
		drop();
	}
	if (!commit.status)
		return commit.status;
	if (error)
		return dmsnap::fail(Error::write_failed);
	dmsnap_port_format(answer.data(), answer.size(), "committed %llu",
			   static_cast<unsigned long long>(exceptions));
	return {};
}

} // namespace dmsnap
