// SPDX-License-Identifier: GPL-2.0-only
#include "snapshot/events.hpp"

#include "snapshot/snapshot.hpp"

namespace dmsnap {

void Events::post(dmsnap_target_event event)
{
	snapshot_.origin().lock().assert_held();
	event_ = event;
	if (posted_)
		return;
	posted_ = true;
	snapshot_.hold();
	snapshot_.worker().post(task_);
}

void Events::raise_posted()
{
	dmsnap_target_event event;
	{
		OriginGuard guard(snapshot_.origin().lock());
		posted_ = false;
		event = event_;
	}
	raise(event);
	OriginGuard guard(snapshot_.origin().lock());
	snapshot_.drop();
}

void Events::raise(dmsnap_target_event event)
{
	dmsnap_target *to;
	{
		OriginGuard guard(snapshot_.origin().lock());
		to = target();
		if (!to)
			return;
		telling_++;
	}
	dmsnap_port_target_event(to, event);
	OriginGuard guard(snapshot_.origin().lock());
	if (--telling_ == 0 && told_)
		std::exchange(told_, nullptr)->set();
}

void Events::forget_target()
{
	/* Flushing the worker is no option: it may sleep in a submission to the COW device. */
	Event told;
	{
		OriginGuard guard(snapshot_.origin().lock());
		target_.store_release(nullptr);
		if (telling_ == 0)
			return;
		told_ = &told;
	}
	told.wait();
}

void Events::stop()
{
	snapshot_.worker().stop(task_);
}

} // namespace dmsnap
