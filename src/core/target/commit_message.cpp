// SPDX-License-Identifier: GPL-2.0-only
#include "target/commit_message.hpp"

namespace dmsnap {

CommitMessage::CommitMessage(Snapshot &snapshot)
    : CommitWaiter([](CommitWaiter &waiter, Status status, bool flushed) {
	      static_cast<CommitMessage &>(waiter).recorded(status, flushed);
      }),
      snapshot_(snapshot)
{
}

Result<uint64_t> CommitMessage::send(Snapshot &snapshot)
{
	auto message = DMSNAP_TRY(make_owned<CommitMessage>(snapshot));
	DMSNAP_CHECK(message->begin());
	if (message->ended_.wait_killable("recording a snapshot's writes")) {
		OriginGuard guard(snapshot.origin().lock());
		if (!message->finished_) {
			message->abandoned_ = true;
			message.release();
			return fail(Error::message_interrupted);
		}
	}
	DMSNAP_CHECK(message->status_);
	return message->exceptions_;
}

Status CommitMessage::begin()
{
	OriginGuard guard(snapshot_.origin().lock());

	if (!snapshot_.healthy())
		return fail(Error::snapshot_invalid);
	if (snapshot_.changes_hands())
		return fail(Error::store_changes_hands);
	if (!snapshot_.persistent())
		return fail(Error::message_elsewhere);
	snapshot_.hold();
	snapshot_.commits().wait(*this);
	return {};
}

/* Worker. */
void CommitMessage::recorded(Status status, bool flushed)
{
	if (!status) {
		finish(status);
		return;
	}
	/* There may be more by now, and those are recorded as well. */
	exceptions_ = snapshot_.persistent()->exceptions();
	if (flushed) {
		finish({});
		return;
	}
	dmsnap_port_io_submit(snapshot_.cow_device(), DMSNAP_IO_FLUSH, 0, 0, 0, nullptr, 0,
			      flushed_.ended, flushed_.on(snapshot_.worker()));
}

/* Worker. */
void CommitMessage::flushed(int error)
{
	finish(error ? Status(fail(Error::write_failed)) : Status());
}

/*
 * A process that destroys the snapshot now still waits for this task: Snapshot::stop() stops the
 * worker.
 */
void CommitMessage::finish(Status status)
{
	Owned<CommitMessage> abandoned;
	OriginGuard guard(snapshot_.origin().lock());

	status_ = status;
	finished_ = true;
	snapshot_.drop();
	if (abandoned_)
		abandoned = Owned<CommitMessage>(this);
	else
		ended_.set();
}

} // namespace dmsnap
