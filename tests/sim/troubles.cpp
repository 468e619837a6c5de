// SPDX-License-Identifier: GPL-2.0-only
/* Machine: faults of devices and memory, and what must work despite them. */
#include <algorithm>

#include "sim/machine.hpp"
#include "sim/sizes.hpp"
#include "user/failure.hpp"
#include "user/memory.hpp"

namespace dmsnap::sim {

using user::Memory;
using user::Op;
using user::Random;
using user::text;
void Machine::resize_cow(Random &random, const SnapHandle &snap)
{
	uint64_t sectors = snap->cow->sectors();
	if (plan_.trouble & resizes && random.one_in(4)) {
		snap->cut = true;
		snap->may_fail = true;
		sectors -= std::min(sectors - 1, random.below(sectors));
	} else if (!snap->cut) {
		sectors += random.below(3 * snap->chunk);
	}
	sectors = rounded_up(sectors, snap->cow->options().block_sectors);
	note("resize", snap, 0, sectors);
	snap->cow->resize(sectors);
}

void Machine::break_cow(Random &random, const SnapHandle &snap)
{
	constexpr Op ops[] = {Op::read, Op::write, Op::write, Op::flush, Op::zero, Op::discard};
	if (!snap)
		return;
	Op op = ops[random.below(6)];
	if (tracing())
		note(text("%s: a %s will fail", snap->name().c_str(), user::to_text(op)));
	snap->cow->fail_nth(op, 1 + random.below(8));
}

void Machine::break_disk(Random &random)
{
	constexpr Op ops[] = {Op::read, Op::read, Op::write, Op::flush};
	Op op = ops[random.below(4)];
	uint64_t nth = 1 + random.below(10);
	/* Bad sectors stay until the disk is mended. */
	if (op != Op::flush && random.one_in(3)) {
		uint64_t at = random.below(sectors_);
		if (tracing())
			note(text("disk: each %s of %llu+%llu will fail", user::to_text(op),
				  static_cast<unsigned long long>(at),
				  static_cast<unsigned long long>(nth)));
		disk_.fail_range(op, at, nth);
		return;
	}
	if (tracing())
		note(text("disk: a %s will fail", user::to_text(op)));
	disk_.fail_nth(op, nth);
}

void Machine::vanish_cow(const SnapHandle &snap)
{
	note("vanishes", snap);
	snap->cow->vanish();
}

void Machine::hang_cow(const SnapHandle &snap)
{
	note("hangs", snap);
	snap->cow->hang();
}

void Machine::vanish_disk()
{
	note("vanishes", nullptr);
	disk_.vanish();
}

void Machine::wake_up()
{
	for (const auto &device : world_.devices())
		if (device->hung())
			device->wake_up();
}

void Machine::wake_one(Random &random)
{
	std::vector<user::Device *> hung;
	for (const auto &device : world_.devices())
		if (device->hung())
			hung.push_back(device.get());
	if (hung.empty())
		return;
	user::Device &device = *hung[random.below(hung.size())];
	if (tracing())
		note(device.options().name + " wakes up");
	device.wake_up();
}

void Machine::end_stalls()
{
	auto enlarge = [this](const SnapHandle &snap) {
		if (!snap || snap->cow->vanished())
			return;
		/* The part that was cut off must not come back. */
		if (snap->cut)
			world_.no_space_timeout = 1;
		else
			snap->cow->resize(
				rounded_up(snap->cow->sectors() + 2 * sectors_ + 4 * snap->chunk,
					   snap->cow->options().block_sectors));
	};
	if (world_.no_space_timeout)
		return;
	note("--- COW devices grow");
	std::for_each(snaps_.begin(), snaps_.end(), enlarge);
	enlarge(merging_);
	for (const Change &change : changes_)
		if (std::find(snaps_.begin(), snaps_.end(), change.snap) == snaps_.end())
			enlarge(change.snap);
}

bool Machine::any_hangs() const
{
	return std::any_of(world_.devices().begin(), world_.devices().end(),
			   [](const auto &device) { return device->hung(); });
}

bool Machine::is_used(const user::Device &device) const
{
	auto uses = [&](const SnapHandle &snap) { return snap && snap->cow == &device; };
	return !device.options().name.starts_with("cow") || uses(merging_) ||
	       std::any_of(snaps_.begin(), snaps_.end(), uses) ||
	       std::any_of(changes_.begin(), changes_.end(),
			   [&](const Change &change) { return uses(change.snap); });
}

bool Machine::needs_what_hangs(const Asked &asked) const
{
	if (asked.snap)
		return asked.snap->cow->hung();
	if (asked.request->op != DMSNAP_BIO_WRITE)
		return false;
	uint64_t begin = asked.request->sector, end = begin + asked.request->sectors;
	auto needs = [&](const SnapHandle &snap) {
		for (uint64_t at = begin; at < std::min(end, snap->sectors); at++)
			if (snap->cow->hung() && !snap->has[at / snap->chunk])
				return true;
		return false;
	};
	/* A snapshot that is being removed remains until its own I/O has ended. */
	return std::any_of(snaps_.begin(), snaps_.end(), needs) ||
	       std::any_of(changes_.begin(), changes_.end(),
			   [&](const Change &change) { return change.snap && needs(change.snap); });
}

/*
 * Not during a merge, which may need the copies of all other snapshots before it can proceed.
 * A stall ends long before the time is over.
 */
void Machine::look_around()
{
	constexpr uint64_t long_enough_ns = 100'000'000'000;
	if (!any_hangs() || merging_ || origin_busy_)
		return;
	note("--- devices keep hanging");
	/* Shared: if the power fails, the answer comes after this function returns. */
	auto answered = std::make_shared<bool>(false);
	world_.spawn("status", [answered, snaps = snaps_] {
		for (const SnapHandle &snap : snaps) {
			snap->mapped->status();
			snap->mapped->table();
		}
		*answered = true;
	});
	limit_stalls(true);
	turn_for(long_enough_ns);
	limit_stalls(false);
	poll();
	if (!power_fails_now()) {
		require(*answered && !questions_, "status and table wait for a device that hangs");
		require(!neighbour_ || neighbour_->all_done(),
			"the neighbour waits for a device that it does not need");
		bool origin_waits = false;
		for (const Asked &asked : asked_) {
			bool needs = needs_what_hangs(asked);
			origin_waits = origin_waits || (needs && !asked.snap);
			require(needs || asked.request->done,
				text("%s: operation %d at %llu+%llu waits for a device that it does not need",
				     name_of(asked.snap), asked.request->op,
				     static_cast<unsigned long long>(asked.request->sector),
				     static_cast<unsigned long long>(asked.request->sectors)));
		}
		for (const Change &change : changes_)
			require((change.origin && origin_waits) ||
					(change.snap && change.snap->cow->hung()),
				"\"" + change.name + "\" of " + name_of(change.snap) +
					" waits for a device that it does not need");
		for (const auto &device : world_.devices())
			require(device->hung() || !device->opens() || is_used(*device),
				device->options().name +
					" is still in use after its snapshot was removed");
		for (const SnapHandle &snap : snaps_)
			require(!snap->messages || snap->cow->hung(),
				"a message to " + snap->name() +
					" waits for a device that it does not need");
	}
}

void Machine::note_copied(const Asked &asked)
{
	/* During a merge the write may have gone to the COW device, without any copies. */
	if (asked.merging)
		return;
	uint64_t begin = asked.request->sector, end = begin + asked.request->sectors;
	for (const SnapHandle &snap : snaps_)
		if (snap->since < asked.begin)
			for (uint64_t at = begin; at < std::min(end, snap->sectors); at++)
				snap->has[at / snap->chunk] = true;
}

void Machine::shorten_memory(Random &random)
{
	Memory &memory = Memory::instance();
	memory.fail_nothing();
	if (random.one_in(2))
		memory.fail_nowait_randomly(random.next(), 1 + random.below(4));
	else if (random.one_in(2))
		memory.fail_nowait_from(random.below(20));
	if (random.one_in(2))
		memory.fail_construct_randomly(random.next(), 1 + random.below(60));
}

void Machine::mend()
{
	disk_.clear_faults();
	for (const SnapHandle &snap : snaps_)
		snap->cow->clear_faults();
	if (merging_)
		merging_->cow->clear_faults();
	Memory::instance().fail_nothing();
	wake_up();
}

} // namespace dmsnap::sim
