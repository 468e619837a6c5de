// SPDX-License-Identifier: GPL-2.0-only
/*
 * Snapshot: what it does when a message comes.  Messages come at any time between the
 * first resume and the end of the table, also while a handover is under way.
 */
#include <dmsnap/port/log.h>

#include "snapshot/snapshot.hpp"
#include "store/sync_io.hpp"

namespace dmsnap {

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
		break;
	}

	SpinGuard guard(origin_->lock());
	switch (message.kind) {
	case Kind::low_water:
		knobs_.low_water = message.value;
		above_low_water_ = false;
		/* Who sets the mark too late hears of it all the same. */
		if (message.value && store_)
			look_at_low_water();
		break;
	case Kind::in_flight:
		knobs_.in_flight = message.value;
		break;
	case Kind::commit_delay:
		commits_->set_delay(message.value);
		break;
	default:
		return dmsnap::fail(Error::message_elsewhere);
	}
	return {};
}

/*
 * Everything written so far is durable when this returns, and so many exceptions are
 * on the list then: a reader of the COW device finds them there, however the list
 * grows meanwhile, as long as nothing is merged.
 */
Status Snapshot::commit_now(std::span<char> answer)
{
	struct Commit : CommitWaiter {
		explicit Commit(Snapshot &of)
		    : CommitWaiter([](CommitWaiter &waiter, Status result, bool with_flush) {
			      auto &commit = static_cast<Commit &>(waiter);
			      commit.status = result;
			      commit.flushed = with_flush;
			      commit.exceptions = commit.snapshot.persistent()->exceptions();
			      commit.durable.set();
		      }),
		      snapshot(of)
		{
		}
		Snapshot &snapshot;
		Status status;
		bool flushed = false;
		uint64_t exceptions = 0;
		Event durable;
	} commit(*this);

	if (merges())
		return dmsnap::fail(Error::message_elsewhere);
	{
		SpinGuard guard(origin_->lock());
		if (!healthy())
			return dmsnap::fail(Error::snapshot_invalid);
		if (!persistent_)
			return dmsnap::fail(Error::message_elsewhere);
		/* A handover waits for us. */
		hold();
		commits_->wait(commit);
	}
	commit.durable.wait();
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
			   static_cast<unsigned long long>(commit.exceptions));
	return {};
}

} // namespace dmsnap
