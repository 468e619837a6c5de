// SPDX-License-Identifier: GPL-2.0-only
/* Machine: quiet points and crashes. */
#include <algorithm>
#include <set>

#include "sim/machine.hpp"
#include "sim/store_rules.hpp"
#include "user/failure.hpp"
#include "user/memory.hpp"

namespace dmsnap::sim {

using test::stamps_of;
using user::CrashPolicy;
using user::Image;
using user::Random;
using user::text;

bool Machine::may_fail(const Snap &snap) const
{
	return snap.may_fail || snap.cow->failures() || snap.cow->vanished() || disk_.failures() ||
	       disk_.vanished() || user::Memory::instance().failures() > snap.memory_failures;
}

bool Machine::lost_for_space(const SnapHandle &snap)
{
	std::string answer;
	snap->mapped->message({"stats"}, &answer);
	return answer.find("invalid_reason") == std::string::npos ||
	       answer.find("invalid_reason no free chunk") != std::string::npos;
}

void Machine::check_health()
{
	auto unwell = [](const SnapHandle &snap) { return snap->invalid() || snap->overflowed(); };
	/*
	 * Asked again, because an answer that waited for a handover comes from the old table
	 * and says "Invalid".
	 */
	for (const SnapHandle &snap : snaps_)
		if (!may_fail(*snap) && unwell(snap) && unwell(snap) &&
		    !(snap->small && lost_for_space(snap)))
			fail(snap->name() + " says " + snap->mapped->status() +
			     ", but nothing has failed");
}

void Machine::check_quietly()
{
	if (!quiesce())
		return;
	check_health();
	for (const SnapHandle &snap : snaps_)
		flush(snap);
	if (!quiesce())
		return;
	read(nullptr, 0, sectors_);
	std::vector<std::pair<SnapHandle, user::Mapped::Handle>> shown;
	for (const SnapHandle &snap : snaps_) {
		read(snap, 0, snap->sectors);
		shown.emplace_back(snap, asked_.back().request);
	}
	if (!quiesce())
		return;
	/* With a fault under way, only what the History says is certain. */
	for (const auto &[snap, request] : shown)
		if (snap->persistent && !may_fail(*snap) && !request->error)
			check_store(snap, disk_.content(), snap->cow->content(), request->data);
}

void Machine::check_store(const SnapHandle &snap, const Image &disk, const Image &cow,
			  const std::vector<uint8_t> &shown)
{
	StoreContent store = read_store(cow, snap->cow->sectors(), snap->sectors);
	if (!store.bad.empty())
		fail(snap->name() + " is a bad store: " + store.bad);
	require(store.valid, snap->name() + " is marked invalid, but does not say so");
	require(store.chunk == snap->chunk, snap->name() + " has another chunk size");
	const std::vector<uint8_t> said = snapshot_content(store, cow, disk, snap->sectors);
	if (said != shown && !discards_allow(snap, test::stamps_of(said), test::stamps_of(shown)))
		fail(snap->name() + " does not show what its store says");
}

/*
 * A discard that is passed down does not wait for a copy of its chunks.  If the copy has read them
 * before, the snapshot shows the discarded sectors until the copy is recorded, and the old ones
 * later.  A discard allows both.
 */
bool Machine::discards_allow(const SnapHandle &snap, const std::vector<test::Stamp> &said,
			     const std::vector<test::Stamp> &shown) const
{
	if (std::none_of(snaps_.begin(), snaps_.end(),
			 [](const SnapHandle &any) { return any->passdown; }))
		return false;
	for (uint64_t at = 0; at < said.size(); at++)
		if (said[at] != shown[at] && !(snap->view.may_read(at, said[at], now_) &&
					       snap->view.may_read(at, shown[at], now_)))
			return false;
	return true;
}

void Machine::crash()
{
	poll();
	/* A copy of the list: a table may change while a snapshot is asked for its status. */
	for (const SnapHandle &snap : std::vector(snaps_)) {
		snap->was_invalid = snap->invalid();
		snap->was_marked = snap->mapped->known_invalid();
		snap->mark_lost = mark_lost(*snap);
		snap->was_busy = snap->busy;
		snap->could_fail = snap->small || may_fail(*snap);
	}
	if (neighbour_)
		neighbour_->power_fails();
	/* While the merge is being stopped, another table may already own its store. */
	require(!merging_ || origin_busy_ || origin_.status() != "Invalid",
		"the merge has been lost");
	note("--- the power fails");
	std::vector<Remains> remains = options_.crash_at_io ? all_remains() : choose_remains();
	limit_stalls(true);
	lose_power();
	for (size_t i = 0; i < remains.size(); i++) {
		bool last = i + 1 == remains.size();
		if (last && !options_.crash_at_io && random_.one_in(4))
			remains[i] = fail_to_recover(remains[i]);
		recover(remains[i], last);
		if (!last)
			lose_power();
	}
	limit_stalls(false);
}

void Machine::lose_power()
{
	crash_at_ = crash_at_commit_ = 0;
	power_lost_ = true;
	world_.crash({});
	world_.run_until_idle();
	for (const Asked &asked : asked_)
		require(asked.request->done, "a request never ends after the crash");
	asked_.clear();
	deactivate();
	mend();
}

void Machine::deactivate()
{
	for (const SnapHandle &snap : snaps_)
		snap->mapped->remove();
	if (merging_)
		merging_->mapped->remove();
	if (neighbour_)
		neighbour_->deactivate();
	origin_.remove();
	world_.run_until_idle();
}

void Machine::load(const Remains &remains)
{
	for (size_t i = 0; i < remains.size(); i++)
		world_.devices()[i]->load(remains[i]);
	world_.power_on();
	/* These failures were caused by the power cut. */
	for (const auto &device : world_.devices())
		device->forget_failures();
	power_lost_ = false;
}

std::vector<Machine::Remains> Machine::choose_remains()
{
	using Keep = CrashPolicy::Keep;
	constexpr Keep keeps[] = {Keep::some, Keep::some, Keep::nothing, Keep::everything};
	const auto &devices = world_.devices();
	bool one_only = std::all_of(devices.begin(), devices.end(),
				    [](const auto &device) { return device->losable().empty(); });
	std::vector<Remains> all;
	for (unsigned int n = one_only ? 1 : options_.remains_max; n; n--) {
		CrashPolicy policy{.keep = keeps[random_.below(4)], .seed = random_.next()};
		all.push_back(world_.crash_images(policy));
	}
	return all;
}

std::vector<Machine::Remains> Machine::all_remains()
{
	const auto &devices = world_.devices();
	std::vector<std::pair<size_t, uint64_t>> losable;
	for (size_t i = 0; i < devices.size(); i++)
		for (uint64_t write : devices[i]->losable())
			losable.emplace_back(i, write);
	bool every = losable.size() < 32 && 1u << losable.size() <= options_.remains_max;
	uint64_t count = every ? uint64_t{1} << losable.size() : options_.remains_max;
	std::vector<Remains> all;
	for (uint64_t n = 0; n < count; n++) {
		std::vector<std::set<uint64_t>> kept(devices.size());
		for (size_t i = 0; i < losable.size(); i++)
			if (every ? n >> i & 1 : random_.one_in(2))
				kept[losable[i].first].insert(losable[i].second);
		Remains remains;
		for (size_t i = 0; i < devices.size(); i++)
			remains.push_back(devices[i]->crash_image(kept[i]));
		all.push_back(std::move(remains));
	}
	return all;
}

Machine::Remains Machine::fail_to_recover(const Remains &remains)
{
	load(remains);
	note("--- recovery, and the power fails again");
	crash_at_ = world_.ios() + 1 + random_.below(30);
	if (plan_.trouble & short_memory)
		shorten_memory(random_);
	bool done = false;
	world_.spawn("recover", [this, &done] {
		bool all = true;
		for (const SnapHandle &snap : snaps_)
			if (snap->persistent)
				all = !activate(*snap) && all;
		/* A merge changes the contents of every snapshot that is not active. */
		if (all)
			activate_origin();
		done = true;
	});
	if (turn([&done] { return done; }))
		turn_for(random_.below(1'000'000));
	Remains left = choose_remains().back();
	lose_power();
	require(done, "a recovery never ends after the crash");
	return left;
}

void Machine::recover(const Remains &remains, bool for_good)
{
	cycles_++;
	load(remains);
	note("--- recovery");
	if (!merging_) {
		std::vector<uint8_t> content = disk_.peek(0, sectors_);
		check_left(nullptr, content);
		require(!activate_origin(), "activating the origin");
		if (for_good)
			history_ = History(stamps_of(content));
	}
	std::vector<SnapHandle> left;
	std::vector<std::pair<SnapHandle, std::vector<uint8_t>>> all_shown;
	for (const SnapHandle &snap : snaps_) {
		std::vector<uint8_t> shown = recover_snapshot(snap, remains);
		if (shown.empty())
			continue;
		if (for_good) {
			snap->view = History(stamps_of(shown));
			snap->memory_failures = user::Memory::instance().failures();
		}
		left.push_back(snap);
		all_shown.emplace_back(snap, std::move(shown));
	}
	if (merging_) {
		std::vector<uint8_t> shown = recover_merge(remains);
		if (for_good)
			history_ = History(stamps_of(shown));
	}
	if (neighbour_)
		neighbour_->recover(for_good);
	if (!for_good && !merging_ && random_.one_in(3))
		use_recovered(all_shown);
	/* The destructor removes snapshots that are no longer in the list. */
	if (for_good)
		snaps_ = left;
}

void Machine::use_recovered(
	const std::vector<std::pair<SnapHandle, std::vector<uint8_t>>> &all_shown)
{
	uint64_t sector, sectors;
	choose_range(random_, nullptr, sector, sectors);
	note("write", nullptr, sector, sectors, test::not_a_stamp);
	int error = origin_.write(sector, test::stamped(test::not_a_stamp, sector, sectors));
	require(!error, "writing to the origin after the crash");
	for (const auto &[snap, shown] : all_shown) {
		if (snap->invalid()) {
			require(snap->could_fail || may_fail(*snap),
				snap->name() + " is invalid, but nothing has failed");
			continue;
		}
		if (snap->mapped->read(0, snap->sectors) != shown)
			fail(snap->name() + " changes with the origin");
		check_store(snap, disk_.content(), snap->cow->content(), shown);
	}
}

std::vector<uint8_t> Machine::recover_snapshot(const SnapHandle &snap, const Remains &remains)
{
	if (!snap->persistent)
		return {};
	const user::Image &left = remains[snap->cow->id() - disk_.id()];
	int error = activate(*snap);
	if (options_.store_left)
		options_.store_left({.cow = left,
				     .cow_sectors = snap->cow->sectors(),
				     .disk_sectors = disk_.sectors(),
				     .loaded = !error,
				     .invalid = !error && snap->invalid()});
	require(!error || snap->cut,
		"activating " + snap->name() + ": " + snap->mapped->error_text());
	if (error || snap->cut)
		return {};
	if (snap->invalid()) {
		require(snap->was_invalid || snap->could_fail || may_fail(*snap),
			snap->name() + " is invalid after the crash");
		return {};
	}
	if (snap->was_marked && !snap->mark_lost)
		fail(snap->name() + " claims to be valid again");
	if ((snap->was_invalid || snap->was_busy) && snap->mark_lost)
		return {};
	std::vector<uint8_t> shown = snap->mapped->read(0, snap->sectors);
	check_left(snap, shown);
	check_store(snap, remains[0], left, shown);
	return shown;
}

std::vector<uint8_t> Machine::recover_merge(const Remains &remains)
{
	require(!activate_origin(), "activating the merge: " + origin_.error_text());
	std::vector<uint8_t> shown = origin_.read(0, sectors_);
	check_left(nullptr, shown);
	check_store(merging_, remains[0], remains[merging_->cow->id() - disk_.id()], shown);
	return shown;
}

void Machine::check_left(const SnapHandle &snap, const std::vector<uint8_t> &data)
{
	const History &history = history_of(snap);
	std::vector<Stamp> found = stamps_of(data);
	for (uint64_t at = 0; at < found.size(); at++)
		if (!history.may_be_left(at, found[at]))
			fail(text("%s: the crash left %u in sector %llu:", name_of(snap), found[at],
				  static_cast<unsigned long long>(at)) +
			     history.describe(at));
}

} // namespace dmsnap::sim
