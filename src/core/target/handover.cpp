// SPDX-License-Identifier: GPL-2.0-only
/*
 * Handover: the table of states and events.
 *
 * State: which other snapshots have the COW device of the snapshot that the event is for.
 *
 *   alone      none (a single one that has given its store away does not count), or the
 *              one that has taken over ours
 *   running    an active one that is not suspended
 *   suspended  an active one that is suspended
 *   source     one that was never active: it waits for our store
 *   crowded    two others, or one that was never active while we were not either: only
 *              a new snapshot sees this
 *
 *   event       | alone    | running       | suspended   | source        | crowded
 *   ------------+----------+---------------+-------------+---------------+--------
 *   constructor | own      | destination   | destination |               | refused
 *   preresume   | go on    | refused: not  | wait, then  | refused: the  |
 *               |          | suspended     | go on       | other first   |
 *   resume      | activate | (refused)     | take over   | (refused)     |
 *   destructor  | nothing  | nothing       | nothing     | the other is  |
 *               |          |               |             | invalid       |
 *
 * A new snapshot-merge is also refused if a snapshot of the origin is merging already, which
 * includes the source, or if the source's store cannot be merged.
 *
 * Take over: the source is suspended and has no bio in flight, but origin writes
 * still make it copy out.
 *
 *   1. mark the source                       writes that need a copy there wait; others
 *      (Snapshot::begin_handover())          go on, and consult it only under the lock
 *   2. wait for what is under way, including without the Registry's mutex: only I/O on
 *      the zeroing of the next area          this COW device can make it long
 *   3. move the table and the store          under mutex and lock
 *   4. clear the mark; examine the waiting   they find the destination
 *      writes again
 *
 * The COW device may hang, or be suspended.  A preresume may fail, a resume may not.  So
 * preresume does steps 1, 2 and 4, and fails if its process is killed in step 2: nothing has
 * moved then.  It clears the mark because a preresume of another target may still fail, and then
 * no resume follows.  The resume does all steps, and in step 2 waits only for what has started
 * since.  After a preresume that failed dm destroys the table that was active before.  If that
 * is the source, the destination becomes invalid, as with any source that is removed first.
 *
 * A handover writes nothing to the COW device, so a crash at any point finds the same store.
 *
 * Meanwhile another table over the COW device is refused ("crowded"), the source cannot be
 * resumed ("source"), and its destructor waits for the end of the handover.
 *
 * There is one exception: if a merge of the source has failed such that it is uncertain what the
 * list holds, the preresume writes the list back as it was.  If that fails, the destination becomes
 * invalid.  Its table would otherwise hold exceptions that no load finds again, and it would let
 * the origin be overwritten.
 *
 * A merge of another snapshot of the origin may be under way meanwhile: its claims wait like
 * writes.
 */
#include "target/handover.hpp"

#include <dmsnap/port/log.h>

#include "target/registry.hpp"
#include "target/snapshot_target.hpp"

namespace dmsnap::handover {

namespace {

enum class State : uint8_t { alone, running, suspended, source, crowded };
enum class Event : uint8_t { constructor, preresume, resume, destructor };

enum class Action : uint8_t {
	/* Cannot happen. */
	none,
	/* Constructor. */
	own,
	destination,
	refused,
	/* Preresume. */
	go_on,
	wait,
	not_suspended,
	other_first,
	/* Resume. */
	activate,
	take_over,
	/* Destructor. */
	nothing,
	cancel,
};

constexpr Action actions[][5] = {
	{Action::own, Action::destination, Action::destination, Action::none, Action::refused},
	{Action::go_on, Action::not_suspended, Action::wait, Action::other_first, Action::none},
	{Action::activate, Action::none, Action::take_over, Action::none, Action::none},
	{Action::nothing, Action::nothing, Action::nothing, Action::cancel, Action::none},
};

constexpr Action action(Event event, State state)
{
	return actions[static_cast<uint8_t>(event)][static_cast<uint8_t>(state)];
}

/*
 * Which other snapshots have the COW device.  @other is set to one of them, one with a store if
 * there is any.
 */
State state_of(const SnapshotTarget &target, SnapshotTarget *&other)
	DMSNAP_MUST_HOLD(registry().mutex())
{
	unsigned int others = 0;
	other = nullptr;
	for (SnapshotTarget &candidate : registry().snapshots()) {
		if (&candidate == &target || &candidate.origin() != &target.origin() ||
		    candidate.snapshot().cow_id() != target.snapshot().cow_id())
			continue;
		if (!other || candidate.claims_store())
			other = &candidate;
		others++;
	}
	if (others == 0)
		return State::alone;
	/* It has no store to give: the snapshot that took it over has gone. */
	if (others == 1 && other->snapshot().active() && !other->claims_store())
		return State::alone;
	if (others > 1)
		return State::crowded;
	if (target.snapshot().active())
		return other->snapshot().active() ? State::alone : State::source;
	if (!other->snapshot().active())
		return State::crowded;
	return dmsnap_port_target_suspended(other->target()) ? State::suspended : State::running;
}

bool any_merges(const Origin &origin) DMSNAP_MUST_HOLD(registry().mutex())
{
	bool any = false;
	for (const SnapshotTarget &target : registry().snapshots())
		any |= &target.origin() == &origin && target.merges();
	return any;
}

/* False: the process was killed. */
bool await_quiet(SnapshotTarget &source)
{
	bool quiet = source.snapshot().quiesce_for_handover_killable() &&
		     source.make_list_certain();

	MutexGuard guard(registry().mutex());
	source.end_handover();
	if (!quiet)
		dmsnap_port_log(
			DMSNAP_LOG_WARNING,
			"resuming a snapshot was interrupted: its store stays where it was");
	return quiet;
}

void take_over(SnapshotTarget &destination, SnapshotTarget &source)
{
	source.snapshot().quiesce_for_handover();
	const bool list_is_certain = source.list_is_certain();

	MutexGuard guard(registry().mutex());
	{
		OriginGuard lock(destination.origin().lock());
		/*
		 * The table may hold what the list has lost.  No write may rely on it, not even
		 * before the snapshot is seen to have failed: until the mark is durable, the next
		 * load finds a valid store.
		 */
		if (!list_is_certain)
			destination.snapshot().regions().add_unsettled(0, UINT64_MAX);
		destination.take_over(source);
		if (!list_is_certain)
			destination.snapshot().fail_locked(Snapshot::Failure::io);
	}
	source.end_handover();
}

/* @target is in no handover. */
void leave(SnapshotTarget &target) DMSNAP_MUST_HOLD(registry().mutex())
{
	SnapshotTarget *other;

	if (action(Event::destructor, state_of(target, other)) == Action::cancel) {
		other->cancel_handover();
		dmsnap_port_log(DMSNAP_LOG_ERROR, "Cancelling snapshot handover.");
	}
	if (target.registry_link.linked())
		registry().leaves(target);
	target.origin().snapshots().remove(target.snapshot());
	target.origin().snapshot_left();
}

} // namespace

std::expected<NewRole, const char *> role_of_new(const SnapshotTarget &target)
{
	SnapshotTarget *other;
	Action answer = action(Event::constructor, state_of(target, other));

	if (registry().in_use(target.snapshot().cow_id()))
		return std::unexpected("COW device is in use until I/O of a removed snapshot ends");
	if (answer == Action::refused)
		return std::unexpected("Snapshot cow pairing for exception table handover failed");
	if (target.merges() && any_merges(target.origin()))
		return std::unexpected("A snapshot is already merging.");
	if (answer == Action::own)
		return NewRole::independent;
	if (target.merges() && other->snapshot().store_args().type != StoreType::persistent)
		return std::unexpected(not_mergeable);
	return NewRole::destination;
}

int preresume(SnapshotTarget &target)
{
	SnapshotTarget *other;
	{
		MutexGuard guard(registry().mutex());
		switch (action(Event::preresume, state_of(target, other))) {
		case Action::other_first:
			dmsnap_port_log(
				DMSNAP_LOG_ERROR,
				"Unable to resume snapshot source until handover completes.");
			return to_errno(Error::handover_order);
		case Action::not_suspended:
			dmsnap_port_log(
				DMSNAP_LOG_ERROR,
				"Unable to perform snapshot handover until source is suspended.");
			return to_errno(Error::handover_order);
		case Action::wait:
			other->snapshot().begin_handover();
			break;
		default:
			return 0;
		}
	}
	/* The source cannot go away meanwhile: see leaving(). */
	return await_quiet(*other) ? 0 : to_errno(Error::handover_interrupted);
}

void resume(SnapshotTarget &target)
{
	SnapshotTarget *source;
	{
		MutexGuard guard(registry().mutex());
		if (action(Event::resume, state_of(target, source)) != Action::take_over) {
			OriginGuard lock(target.origin().lock());
			target.snapshot().activate();
			return;
		}
		source->snapshot().begin_handover();
	}
	/* The source cannot go away meanwhile: see leaving(). */
	take_over(target, *source);
}

const SnapshotTarget *source_of(const SnapshotTarget &destination)
{
	SnapshotTarget *other;
	State state = state_of(destination, other);
	return state == State::running || state == State::suspended ? other : nullptr;
}

void leaving(SnapshotTarget &target)
{
	for (;;) {
		dmsnap::Event handed_over;
		{
			MutexGuard guard(registry().mutex());
			if (!target.tell_of_handover(handed_over)) {
				leave(target);
				return;
			}
		}
		/* Look again after it: the resume may follow the preresume that has ended. */
		handed_over.wait();
	}
}

} // namespace dmsnap::handover
