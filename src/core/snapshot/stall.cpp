// SPDX-License-Identifier: GPL-2.0-only
#include "snapshot/stall.hpp"

#include <dmsnap/port/log.h>

#include "base/min_max.hpp"
#include "snapshot/snapshot.hpp"

namespace dmsnap {

namespace {

void say(dmsnap_log_level level, dmsnap_device *cow, const char *text)
{
	char name[DMSNAP_DEVICE_NAME_BYTES];
	dmsnap_port_device_name(cow, name);
	dmsnap_port_log(level, "snapshot with COW device %s: %s", name, text);
}

} // namespace

Stall::Stall(Snapshot &snapshot)
    : snapshot_(snapshot), probe_(snapshot), timer_(snapshot.origin().worker(), task_)
{
}

bool Stall::suspending() const
{
	return suspending_ || snapshot_.origin().suspending();
}

bool Stall::applies() const
{
	return asked_for_ && !over_ && !suspending();
}

uint64_t Stall::allowance()
{
	snapshot_.origin().lock().assert_held();
	const ExceptionStore &store = snapshot_.store();
	if (active_)
		return 0;
	/* If the device is too short for chunks in use, the store reports that itself. */
	asked_for_ = snapshot_.stalls_on_full();
	if (!asked_for_ || store.cut_off())
		return UINT64_MAX;

	uint64_t reserve = store.usage().total_sectors / 16;
	reserve = smaller(reserve, reserve_sectors_max);
	uint64_t chunks = snapshot_.chunk_size().chunks_for(reserve);
	uint64_t free = store.free_chunks();
	/* Chunks are freed only when the store is loaded again, so the device has grown. */
	if (free > chunks)
		over_ = false;
	if (!suspending())
		suspend_since_ns_ = 0;
	if (suspend_is_paced())
		chunks = kept_of(smaller(free, chunks));
	else if (!applies())
		return UINT64_MAX;
	return free > chunks ? free - chunks : 0;
}

bool Stall::suspend_is_paced() const
{
	return suspending() && !over_ &&
	       (!suspend_since_ns_ || dmsnap_port_now_ns() - suspend_since_ns_ < pace_ns);
}

/* Chunks that may not be allocated yet.  @chunks are available to the suspend, if it begins now. */
uint64_t Stall::kept_of(uint64_t chunks)
{
	uint64_t now_ns = dmsnap_port_now_ns();

	if (!suspend_since_ns_) {
		suspend_since_ns_ = now_ns;
		suspend_chunks_ = chunks;
	}
	uint64_t passed_us = (now_ns - suspend_since_ns_) / 1000;
	return suspend_chunks_ - suspend_chunks_ * passed_us / (pace_ns / 1000);
}

bool Stall::begin()
{
	snapshot_.origin().lock().assert_held();
	if (active_)
		return true;
	/* The snapshot has failed, not run out of room. */
	if (!snapshot_.healthy())
		return false;
	paced_ = suspend_is_paced() && asked_for_;
	if (!applies() && !paced_)
		return false;
	active_ = true;
	if (paced_) {
		timer_.start(pace_check_ms);
	} else {
		since_ns_ = dmsnap_port_now_ns();
		total_sectors_ = snapshot_.store().usage().total_sectors;
		say(DMSNAP_LOG_WARNING, snapshot_.cow_device(),
		    "it is full, writes wait for a larger device");
		snapshot_.events().post(DMSNAP_EVENT_NO_ROOM);
		timer_.start(check_ms);
	}
	return true;
}

void Stall::release()
{
	snapshot_.origin().lock().assert_held();
	active_ = false;
	snapshot_.origin().look_again(ios_);
}

/*
 * The suspend of the snapshot waits for the snapshot's own writes, so these get the reserve
 * first.  Origin writes get the rest.  Another worker examines them, so they are put back for
 * later.
 */
void Stall::release_paced()
{
	auto is_own = [this](const Io &io) { return &io.writes == &snapshot_.writes(); };
	bool any_own = false;
	Ios later;

	for (const Io &io : ios_)
		any_own |= is_own(io);
	if (suspending_ && any_own) {
		for (Io &io : ios_) {
			if (is_own(io))
				continue;
			io.link.unlink();
			later.push_back(io);
		}
	}
	release();
	if (later.empty())
		return;
	ios_.take_all(later);
	timer_.start(pace_check_ms);
}

void Stall::begin_suspend()
{
	suspending_ = true;
	look();
}

void Stall::end_suspend()
{
	suspending_ = false;
}

void Stall::look()
{
	snapshot_.origin().worker().post(task_);
}

void Stall::check()
{
	OriginGuard guard(snapshot_.origin().lock());

	if (!active_ && ios_.empty())
		return;
	/* A handover may have waited for all that is under way: no failure may begin now. */
	const bool changes_hands = snapshot_.changes_hands();
	if (!changes_hands && snapshot_.store().cut_off())
		snapshot_.cut_off();
	if (paced_ || !active_) {
		release_paced();
		return;
	}
	asked_for_ = snapshot_.stalls_on_full();
	uint64_t timeout = dmsnap_port_no_space_timeout();
	uint64_t seconds = (dmsnap_port_now_ns() - since_ns_) / 1000000000;
	bool grown = snapshot_.store().usage().total_sectors > total_sectors_;
	bool too_long = timeout && seconds >= timeout;

	if (snapshot_.healthy() && applies() && !grown && !too_long) {
		if (!changes_hands)
			probe_.start();
		timer_.start(check_ms);
		return;
	}
	if (grown) {
		say(DMSNAP_LOG_INFO, snapshot_.cow_device(), "it has grown, writes go on");
	} else if (too_long) {
		say(DMSNAP_LOG_WARNING, snapshot_.cow_device(),
		    "no larger device came in time, writes go on until it is full");
		over_ = true;
	}
	release();
}

void Stall::stop()
{
	{
		OriginGuard guard(snapshot_.origin().lock());
		release();
	}
	timer_.cancel();
	snapshot_.origin().worker().stop(task_);
}

} // namespace dmsnap
