// SPDX-License-Identifier: GPL-2.0-only
/* Machine: what each step of a plan does. */
#include <algorithm>

#include "sim/machine.hpp"
#include "sim/sizes.hpp"
#include "user/failure.hpp"

namespace dmsnap::sim {

using user::Random;

namespace {

/* False for steps that make tables, which need all devices. */
bool can_do_without_devices(Action action)
{
	switch (action) {
	case Action::create_snapshot:
	case Action::reload_snapshot:
	case Action::reactivate_snapshot:
	case Action::reload_origin:
	case Action::grow_origin:
	case Action::begin_merge:
	case Action::end_merge:
	case Action::stop_merge:
	case Action::resize_cow:
	case Action::check:
	case Action::load_badly:
	case Action::hand_over_badly:
		return false;
	default:
		return true;
	}
}

} // namespace

void Machine::do_step(const Step &step)
{
	Random random(Random::mix(step.seed));
	SnapHandle snap = any_snap(random);
	bool vanished = disk_.vanished() || (snap && snap->cow->vanished());
	if (vanished && !can_do_without_devices(step.action))
		return;
	switch (step.action) {
	case Action::write_origin:
		write(random, nullptr);
		break;
	case Action::read_origin:
		read(random, nullptr);
		break;
	case Action::flush_origin:
		flush(nullptr);
		break;
	case Action::write_snapshot:
		if (snap)
			write(random, snap);
		break;
	case Action::read_snapshot:
		if (snap)
			read(random, snap);
		break;
	case Action::flush_snapshot:
		if (snap)
			flush(snap);
		break;
	case Action::discard_snapshot:
		if (snap)
			discard(random, snap);
		break;
	case Action::write_durably:
		write_durably(random, snap);
		break;
	case Action::create_snapshot:
		create_snapshot(random);
		break;
	case Action::remove_snapshot:
		if (snap && !snap->busy)
			remove_snapshot(snap);
		break;
	case Action::suspend_snapshot:
		if (snap && !snap->busy)
			suspend_snapshot(snap);
		break;
	case Action::reload_snapshot:
		if (snap && !snap->busy)
			reload_snapshot(random, snap);
		break;
	case Action::reactivate_snapshot:
		if (snap && !snap->busy && snap->persistent && !origin_busy_)
			reactivate_snapshot(snap);
		break;
	case Action::suspend_origin:
		if (!origin_busy_)
			suspend_origin();
		break;
	case Action::reload_origin:
		/* A merge cannot be reloaded: "A snapshot is already merging." */
		if (!origin_busy_ && merging_)
			suspend_origin();
		else if (!origin_busy_)
			reload_origin(sectors_);
		break;
	case Action::grow_origin:
		if (!origin_busy_ && !merging_)
			grow_origin(random);
		break;
	case Action::begin_merge:
		if (snap && !snap->busy && !origin_busy_ && !merging_ && snap->persistent &&
		    snap->sectors == sectors_ && !snap->cut)
			begin_merge(random, snap);
		break;
	case Action::end_merge:
		if (merging_ && !origin_busy_)
			end_merge();
		break;
	case Action::stop_merge:
		if (merging_ && !origin_busy_)
			stop_merge();
		break;
	case Action::resize_cow:
		if (plan_.trouble & (small_cow | resizes) && snap)
			resize_cow(random, snap);
		break;
	case Action::break_cow:
		if (plan_.trouble & cow_faults)
			break_cow(random, merging_ && random.one_in(2) ? merging_ : snap);
		break;
	case Action::break_disk:
		if (plan_.trouble & disk_faults)
			break_disk(random);
		break;
	case Action::shorten_memory:
		if (plan_.trouble & short_memory)
			shorten_memory(random);
		break;
	case Action::mend:
		mend();
		break;
	case Action::let_run:
		turn_for(random.below(random.one_in(4) ? 1'000'000 : 60'000));
		break;
	case Action::let_settle:
		if (random.one_in(4))
			turn_for(2'000'000'000);
		else
			quiesce();
		break;
	case Action::check:
		check_quietly();
		break;
	case Action::crash:
		crash_at_ = world_.ios();
		break;
	case Action::crash_soon:
		if (!crash_at_)
			crash_at_ = world_.ios() + 1 + random.below(24);
		break;
	case Action::crash_in_commit:
		if (!crash_at_commit_)
			crash_at_commit_ = world_.wide_commits() + 1;
		break;
	case Action::message:
		if (merging_ && !origin_busy_ && random.one_in(2))
			send_to_merge(random);
		else if (snap && (plan_.trouble & overlaps || (!snap->busy && !snap->messages)))
			send_message(random, snap);
		break;
	case Action::vanish_cow:
		if (plan_.trouble & vanishing_cow && snap)
			vanish_cow(snap);
		break;
	case Action::vanish_disk:
		if (plan_.trouble & vanishing_disk)
			vanish_disk();
		break;
	case Action::hang_cow:
		if (plan_.trouble & (hanging | isolation) && snap)
			hang_cow(snap);
		break;
	case Action::wake_cow:
		if (random.one_in(2))
			wake_one(random);
		else
			wake_up();
		break;
	case Action::look_around:
		look_around();
		break;
	case Action::load_badly:
		if (plan_.trouble & bad_tables && snap && !snap->busy)
			load_badly(random, snap);
		break;
	case Action::hand_over_badly:
		if (plan_.trouble & bad_tables && snap && !snap->busy)
			hand_over_badly(random, snap);
		break;
	case Action::kill_changes:
		if (plan_.trouble & kills)
			kill_changes();
		break;
	case Action::write_alone:
		if (plan_.trouble & short_memory)
			write_alone(random, snap);
		break;
	case Action::ask_status:
		if (plan_.trouble & (overlaps | kills))
			ask_status(random, snap);
		break;
	case Action::discard_origin:
		discard(random, nullptr);
		break;
	case Action::write_stream:
		write_stream(random);
		break;
	case Action::write_many:
		write_many(random, random.one_in(2) ? nullptr : snap);
		break;
	case Action::neighbour_acts:
		if (neighbour_)
			neighbour_->act(random);
		break;
	}
}

} // namespace dmsnap::sim
