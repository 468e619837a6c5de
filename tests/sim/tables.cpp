// SPDX-License-Identifier: GPL-2.0-only
/* Machine: makes, suspends, reloads and removes tables. */
#include <algorithm>
#include <cerrno>
#include <iterator>

#include "sim/machine.hpp"
#include "sim/sizes.hpp"
#include "user/failure.hpp"
#include "user/memory.hpp"

namespace dmsnap::sim {

using test::stamped;
using user::Memory;
using user::Op;
using user::Random;
using user::TargetType;
using user::text;
int Machine::activate(Snap &snap)
{
	return snap.mapped->create(TargetType::snapshot, snap.sectors, snap.words(snap.chunk));
}

int Machine::activate_origin()
{
	if (merging_)
		return origin_.create(TargetType::merge, sectors_,
				      merging_->words(merging_->chunk));
	return origin_.create(TargetType::origin, sectors_, "disk");
}

void Machine::change(const char *name, bool origin, const SnapHandle &snap,
		     std::function<void()> body)
{
	if (origin)
		origin_busy_ = true;
	if (snap)
		snap->busy = true;
	uint64_t number = ++next_change_;
	changes_.push_back({name, origin, snap, number});
	world_.spawn(name, [this, origin, snap, number, body = std::move(body)] {
		body();
		std::erase_if(changes_, [number](const Change &c) { return c.number == number; });
		if (snap)
			snap->busy = false;
		if (origin)
			origin_busy_ = false;
	});
}

Machine::Excuse::Excuse(const Machine &machine, SnapHandle snap)
    : machine_(machine), snap_(std::move(snap)), memory_failures_(Memory::instance().failures())
{
}

bool Machine::Excuse::holds() const
{
	return machine_.power_lost_ || machine_.disk_.vanished() ||
	       Memory::instance().failures() > memory_failures_ ||
	       (snap_ && (snap_->cut || snap_->cow->vanished()));
}

int Machine::killably(const char *name, const std::function<int()> &change)
{
	bool ended = false;
	int error = 0;
	world_.spawn(name, [&] {
		error = change();
		ended = true;
		world_.wake(&ended);
	});
	world_.wait(&ended, name, [&] { return ended; });
	return error;
}

int Machine::suspend_killably(user::Mapped &mapped)
{
	return killably("dmsetup suspend", [&] { return mapped.suspend(); });
}

void Machine::kill_changes()
{
	note("--- killed: suspends, resumes and removals");
	world_.kill("dmsetup suspend");
	world_.kill("dmsetup resume");
	world_.kill("dmsetup remove");
}

void Machine::sleep_for(uint64_t ns)
{
	bool over = false;
	world_.complete_at(world_.now_ns() + ns, [&] {
		over = true;
		world_.wake(&over);
	});
	world_.wait(&over, "a sleep", [&] { return over; });
}

bool Machine::flush_disk()
{
	bool flushed = false, done = false;
	disk_.submit({.op = Op::flush, .done = [&](int failed) {
			      flushed = !failed;
			      done = true;
			      world_.wake(&done);
		      }});
	world_.wait(&done, "a flush", [&] { return done; });
	return flushed;
}

std::vector<Machine::Asked> Machine::disk_discards() const
{
	std::vector<Asked> discards;
	std::copy_if(asked_.begin(), asked_.end(), std::back_inserter(discards),
		     [](const Asked &asked) {
			     return asked.request->op == DMSNAP_BIO_DISCARD &&
				    (!asked.snap || asked.snap->passdown);
		     });
	return discards;
}

test::History Machine::disk_history(uint64_t sectors, const std::vector<Asked> &discards) const
{
	History history(test::stamps_of(disk_.peek(0, sectors)));
	for (const Asked &asked : discards) {
		uint64_t begin = asked.request->sector, count = asked.request->sectors;
		begin_discard(history, begin, count, asked.begin);
		/* Its effect may already be visible, although a crash may still undo it. */
		std::vector<Stamp> left = test::stamps_of(disk_.durable().read(0, begin + count));
		for (uint64_t at = begin; at < begin + count; at++)
			history.begin(left[at], at, 1, asked.begin);
		if (asked.request->done)
			history.discarded(asked.begin, begin, count, now_);
	}
	return history;
}

void Machine::create_snapshot(Random &random)
{
	if (snaps_.size() >= snapshots_max() || origin_busy_ || merging_)
		return;
	unsigned int chunk = random.one_in(3) && chunk_ <= 16 ? chunk_sizes[random.below(5)]
							      : chunk_;
	unsigned int cow_block = choose_block(true);
	uint64_t unit = std::max(disk_block_, cow_block);
	/* dm refuses a snapshot that is longer than its origin. */
	if (unit > sectors_)
		return;
	chunk = std::max(chunk, std::max(disk_block_, cow_block));
	uint64_t chunks = (sectors_ + chunk - 1) / chunk;
	uint64_t per_area = chunk * sector_bytes / 16;
	bool small = plan_.trouble & small_cow && random.one_in(2);
	uint64_t cow_chunks = chunks + chunks / per_area + 4;
	if (small && random.one_in(2))
		cow_chunks = 3 + random.below(chunks + 2);
	else if (small && chunk <= 16) /* the device ends near the end of an area */
		cow_chunks = (1 + random.below(3)) * (per_area + 1) + 1 + random.below(3);

	uint64_t cow_sectors = rounded_down(cow_chunks * chunk + random.below(chunk), cow_block);
	const uint64_t old_end = cow_sectors;
	/* Chunks are copied ahead only with this much room. */
	if (plan_.trouble & streams && !small && !random.one_in(4))
		cow_sectors += 131072;

	auto snap = std::make_shared<Snap>();
	snap->mapped = new_mapped();
	snap->cow = &add_device("cow" + std::to_string(++cows_), cow_sectors, cow_block);
	/* Stale contents that do not begin like a store. */
	if (random.one_in(2))
		snap->cow->poke(chunk, stamped(test::not_a_stamp - cows_, chunk, old_end - chunk));
	snap->persistent = options_.plain || !random.one_in(5);
	/* A store's blocks are 4 KiB at most. */
	snap->persistent = snap->persistent && cow_block <= 8;
	snap->type = !snap->persistent ? "N" : random.one_in(2) ? "PO" : "P";
	snap->chunk = chunk;
	snap->discards = random.one_in(3);
	bool stalls = snap->persistent && random.one_in(3);
	snap->passdown = snap->discards && more_random_.one_in(2);
	if (unsigned int features = snap->discards + snap->passdown + stalls)
		snap->features = " " + std::to_string(features) +
				 (snap->discards ? " discard_zeroes_cow" : "") +
				 (snap->passdown ? " discard_passdown_origin" : "") +
				 (stalls ? " stall_on_full" : "");
	snap->sectors = !options_.plain && random.one_in(6) ? 1 + random.below(sectors_) : sectors_;
	snap->sectors = std::max(rounded_down(snap->sectors, unit), unit);
	snap->small = small;
	snap->memory_failures = Memory::instance().failures();
	if (tracing())
		note(text("create %s, %llu sectors of %llu", snap->words(chunk).c_str(),
			  static_cast<unsigned long long>(snap->sectors),
			  static_cast<unsigned long long>(sectors_)));

	change("create", true, nullptr, [this, snap] {
		Excuse excuse(*this, snap);
		int error = snap->mapped->load(TargetType::snapshot, snap->sectors,
					       snap->words(snap->chunk));
		require(!error || excuse.holds(),
			"creating " + snap->name() + ": " + snap->mapped->error_text());
		origin_.suspend();
		/*
		 * The snapshot's view of the origin must not change.  The flush does not cover
		 * discards that are under way.
		 */
		const std::vector<Asked> discards = disk_discards();
		bool flushed = flush_disk();
		if (!error && flushed) {
			error = snap->mapped->resume();
			if (!power_lost_) {
				require(!error || excuse.holds(),
					"resuming the new " + snap->name());
				snap->view = disk_history(snap->sectors, discards);
				snap->has.assign((snap->sectors + snap->chunk - 1) / snap->chunk,
						 false);
				snap->since = now_;
				snaps_.push_back(snap);
			}
		}
		origin_.resume();
	});
	if (options_.plain || random.one_in(2))
		turn([this] { return !origin_busy_; });
}

void Machine::remove_snapshot(const SnapHandle &snap)
{
	note("remove", snap);
	std::erase(snaps_, snap);
	/* Bios that wait for a resume fail. */
	snap->may_fail = true;
	change("dmsetup remove", false, snap, [snap] { snap->mapped->remove(); });
}

void Machine::suspend_snapshot(const SnapHandle &snap)
{
	note("suspend and resume", snap);
	change("suspend", false, snap, [this, snap] {
		Excuse excuse(*this, snap);
		suspend_killably(*snap->mapped);
		int error = snap->mapped->resume();
		require(!error || excuse.holds(), "resuming " + snap->name());
	});
}

void Machine::reload_snapshot(Random &random, const SnapHandle &snap)
{
	/* The chunk size in the table is ignored if there is a store. */
	unsigned int chunk = snap->chunk;
	if (snap->persistent)
		chunk = random.one_in(3)   ? 0
			: random.one_in(3) ? std::max(16u, unit_of(snap))
					   : chunk;
	note("reload", snap);
	change("reload", false, snap, [this, snap, chunk] {
		Excuse excuse(*this, snap);
		int error =
			snap->mapped->load(TargetType::snapshot, snap->sectors, snap->words(chunk));
		require(!error || excuse.holds(),
			"reloading " + snap->name() + ": " + snap->mapped->error_text());
		/* If it was killed, dm keeps the loaded table, and the user clears it. */
		if (suspend_killably(*snap->mapped))
			snap->mapped->clear();
		error = killably("dmsetup resume", [&] { return snap->mapped->resume(); });
		if (error == -EINTR) {
			/* The previous table is gone, and the new one has no store. */
			require(snap->mapped->status() == "Invalid",
				snap->name() + " was not taken over, and says " +
					snap->mapped->status());
			snap->may_fail = true;
			std::erase(snaps_, snap);
			snap->mapped->remove();
			return;
		}
		require(!error || excuse.holds(), "resuming the reloaded " + snap->name());
	});
}

/* Every acknowledged write must still be there. */
void Machine::reactivate_snapshot(const SnapHandle &snap)
{
	note("reactivate", snap);
	change("reactivate", true, snap, [this, snap] {
		Excuse excuse(*this, snap);
		origin_.suspend();
		snap->mapped->suspend();
		poll();
		bool invalid = snap->invalid();
		snap->mapped->remove();
		if (!power_lost_) {
			snap->cow->clear_faults();
			disk_.clear_faults();
			Memory::instance().fail_nothing();
			int error = activate(*snap);
			if (!power_lost_) {
				require(!error || excuse.holds(),
					"activating " + snap->name() + ": " +
						snap->mapped->error_text());
				bool invalid_now = !error && snap->invalid();
				require(error || invalid_now || !invalid || mark_lost(*snap),
					snap->name() + " was invalid, and is not");
				/* A message may have been under way; its commit may fail. */
				require(invalid || !invalid_now || snap->small || may_fail(*snap),
					snap->name() + " is invalid, but nothing has failed");
				if (error || invalid != invalid_now)
					std::erase(snaps_, snap);
			}
		}
		origin_.resume();
	});
	if (!quiesce() || snap->invalid() || snap->cut ||
	    std::find(snaps_.begin(), snaps_.end(), snap) == snaps_.end())
		return;
	read(snap, 0, snap->sectors);
}

void Machine::suspend_origin()
{
	note("suspend and resume", nullptr);
	change("suspend", true, nullptr, [this] {
		Excuse excuse(*this, nullptr);
		suspend_killably(origin_);
		int error = origin_.resume();
		require(!error || excuse.holds(), "resuming the origin");
	});
}

/* Not while it merges, except at its end. */
void Machine::reload_origin(uint64_t sectors)
{
	note("reload", nullptr, 0, sectors);
	change("reload", true, nullptr, [this, sectors] {
		Excuse excuse(*this, nullptr);
		int error = origin_.create(TargetType::origin, sectors, "disk");
		require(!error || excuse.holds(), "reloading the origin: " + origin_.error_text());
		if (error || power_lost_)
			return;
		merging_ = nullptr;
		history_.grow(sectors, 0);
		sectors_ = sectors;
	});
}

void Machine::grow_origin(Random &random)
{
	uint64_t sectors = rounded_up(sectors_ + 1 + random.below(2 * chunk_), end_unit());
	/* The disk may have grown, and the power failed before the table changed. */
	disk_.resize(std::max(sectors, disk_.sectors()));
	reload_origin(sectors);
	quiesce();
}

} // namespace dmsnap::sim
