// SPDX-License-Identifier: GPL-2.0-only
/*
 * SnapshotTarget: messages.  They may come at any time between the first resume and the end of
 * the table, even during a handover.
 */
#include <dmsnap/port/log.h>

#include "base/run_on.hpp"
#include "base/text_writer.hpp"
#include "target/commit_message.hpp"
#include "target/snapshot_target.hpp"

namespace dmsnap {

int SnapshotTarget::message(unsigned int argc, const char *const *argv, std::span<char> answer)
{
	auto message = parse_message(argc, argv);
	if (!message) {
		dmsnap_port_log(DMSNAP_LOG_ERROR, "message %.100s: %s", argc ? argv[0] : "",
				message.error());
		return to_errno(Error::message_unknown);
	}
	Status status = handle_message(*message, answer);
	if (!status)
		dmsnap_port_log(DMSNAP_LOG_ERROR, "message %.100s: %s", argv[0],
				to_text(status.error()));
	return status ? 0 : to_errno(status.error());
}

Status SnapshotTarget::handle_message(const Message &message, std::span<char> answer)
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
		return set_tunable(message);
	}
}

Status SnapshotTarget::set_tunable(const Message &message)
{
	using Kind = Message::Kind;
	OriginGuard guard(origin_->lock());
	Tunables &tunables = snapshot_->tunables();

	switch (message.kind) {
	case Kind::stall_on:
	case Kind::stall_off:
		if (merges() || snapshot_->store_args().type != StoreType::persistent)
			return dmsnap::fail(Error::message_elsewhere);
		tunables.stall = message.kind == Kind::stall_on ? Tunables::Stall::on
								: Tunables::Stall::off;
		snapshot_->stall().look();
		break;
	case Kind::low_water:
		snapshot_->set_low_water(message.value);
		break;
	case Kind::in_flight:
		tunables.in_flight = message.value;
		break;
	case Kind::copy_ahead:
		if (merges())
			return dmsnap::fail(Error::message_elsewhere);
		tunables.copy_ahead = message.value;
		break;
	case Kind::commit_delay:
		snapshot_->commits().set_delay(message.value);
		break;
	default:
		return dmsnap::fail(Error::message_elsewhere);
	}
	return {};
}

/* Resets its own statistics, and those of the origin and its copier, which all snapshots share. */
void SnapshotTarget::begin_statistics()
{
	{
		OriginGuard guard(origin_->lock());
		snapshot_->statistics() = {};
	}
	if (merger_)
		merger_->statistics() = {};
	origin_->copier().statistics() = {};
	origin_->held_us() = {};
	origin_->discards() = {};
}

void SnapshotTarget::report(std::span<char> answer)
{
	TextWriter text(answer);

	text.line("stats", 1);
	snapshot_->report(text);
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
 * When this returns, everything written so far is durable, and the list has at least the number
 * of exceptions that is in the answer.  A reader of the COW device finds those there, however the
 * list grows meanwhile, as long as nothing is merged.
 */
Status SnapshotTarget::commit_now(std::span<char> answer)
{
	if (merges())
		return dmsnap::fail(Error::message_elsewhere);
	const uint64_t exceptions = DMSNAP_TRY(CommitMessage::send(*snapshot_));
	dmsnap_port_format(answer.data(), answer.size(), "committed %llu",
			   static_cast<unsigned long long>(exceptions));
	return {};
}

} // namespace dmsnap
