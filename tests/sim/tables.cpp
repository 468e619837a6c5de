// SPDX-License-Identifier: GPL-2.0-only
/* Machine: makes, suspends, hands over and removes tables, in right and wrong order; messages. */
#include <algorithm>
#include <cerrno>

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

test::History Machine::disk_history(uint64_t sectors) const
{
	History history(test::stamps_of(disk_.peek(0, sectors)));
	for (const Asked &asked : asked_) {
		if (asked.request->op != DMSNAP_BIO_DISCARD ||
		    (asked.snap && !asked.snap->passdown))
			continue;
		uint64_t begin = asked.request->sector, count = asked.request->sectors;
		begin_discard(history, begin, count, asked.begin);
		/* Its effect may be visible already, although a crash may undo it. */
		std::vector<Stamp> left = test::stamps_of(disk_.durable().read(0, begin + count));
		for (uint64_t at = begin; at < begin + count; at++)
			history.begin(left[at], at, 1, asked.begin);
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
	else if (small && chunk <= 16) /* The device ends near the end of an area. */
		cow_chunks = (1 + random.below(3)) * (per_area + 1) + 1 + random.below(3);

	uint64_t cow_sectors = rounded_down(cow_chunks * chunk + random.below(chunk), cow_block);
	const uint64_t old_end = cow_sectors;
	/* Only these have room for guesses. */
	if (plan_.trouble & streams && !small && !random.one_in(4))
		cow_sectors += 131072;

	auto snap = std::make_shared<Snap>();
	snap->mapped = new_mapped();
	snap->cow = &add_device("cow" + std::to_string(++cows_), cow_sectors, cow_block);
	/* Any old contents, as long as they do not begin like a store. */
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
		/* The snapshot's view of the origin must not change. */
		bool flushed = flush_disk();
		if (!error && flushed) {
			error = snap->mapped->resume();
			if (!power_lost_) {
				require(!error || excuse.holds(),
					"resuming the new " + snap->name());
				snap->view = disk_history(snap->sectors);
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

/* Those that sleep run in their own process, like dmsetup. */
void Machine::send_message(Random &random, const SnapHandle &snap)
{
	const std::vector<std::vector<std::string>> messages = {
		{"stats"},
		{"stats", "reset"},
		{"low_water", std::to_string(random.below(101))},
		{"in_flight", std::to_string(random.below(8))},
		{"copy_ahead", random.one_in(2) ? "on" : "off"},
		{"commit_delay", std::to_string(1 + random.below(3000))},
		{"stall", "on"},
		{"stall", "off"},
		{"commit"},
		{"commit"},
		{"commit"},
	};
	const auto &message = messages[random.below(messages.size() - (snap->persistent ? 0 : 5))];
	note(message[0].c_str(), snap);
	uint64_t asked = ++now_;
	/* Its table stays until the answer; other changes run meanwhile only with that trouble. */
	bool alone = !(plan_.trouble & overlaps);
	snap->busy = snap->busy || alone;
	snap->messages++;
	world_.spawn("message", [this, snap, message, asked, alone] {
		Excuse excuse(*this, snap);
		int error = snap->mapped->message(message);
		snap->messages--;
		if (alone)
			snap->busy = false;
		if (excuse.holds())
			return;
		/* Its store is being handed over, or has been. */
		bool moved = !alone && (error == -EBUSY || error == -EINVAL);
		require(!error || moved || may_fail(*snap) || snap->invalid(),
			"message " + message[0] + " to " + snap->name());
		if (message[0] == "commit" && !error && !snap->invalid())
			snap->view.flushed(asked);
	});
}

void Machine::send_to_merge(Random &random)
{
	const std::vector<std::vector<std::string>> messages = {
		{"stats"},
		{"merge", "pause"},
		{"merge", "resume"},
		{"merge", "rate", "0"},
		{"merge", "rate", std::to_string(1 + random.below(1000))},
	};
	const auto &message = messages[random.below(messages.size())];
	note(message[message.size() > 1].c_str(), merging_);
	change("message", true, nullptr, [this, message] {
		Excuse excuse(*this, nullptr);
		int error = origin_.message(message);
		require(!error || excuse.holds(), "message " + message[0] + " to the merge");
	});
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
	/* For an existing store the chunk size in the table does not count. */
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
		/* Killed: dm keeps the loaded table, and the user clears it. */
		if (suspend_killably(*snap->mapped))
			snap->mapped->clear();
		error = killably("dmsetup resume", [&] { return snap->mapped->resume(); });
		if (error == -EINTR) {
			/* The table of before is gone, and the one that is there has no store. */
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

void Machine::load_badly(Random &random, const SnapHandle &snap)
{
	uint64_t way = random.below(5);
	uint64_t n = random.below(40);
	note("load a bad table of", snap);
	change("bad table", false, snap, [this, snap, way, n] {
		user::Mapped &mapped = *snap->mapped;
		Memory &memory = Memory::instance();
		std::string words = snap->words(snap->chunk);
		Excuse excuse(*this, snap);
		auto load = [&] { return mapped.load(TargetType::snapshot, snap->sectors, words); };
		switch (way) {
		case 0:
			words = snap->words(3);
			require(load() != 0, "chunks of 3 sectors are refused");
			break;
		case 1:
			words = "disk nowhere P 8";
			require(load() != 0, "a COW device that is not there is refused");
			break;
		case 2:
			memory.fail_construct_at(n);
			load();
			memory.fail_construct_at(UINT64_MAX);
			break;
		case 3: {
			auto third = new_mapped();
			int error = load();
			require(!error || excuse.holds(),
				"loading " + snap->name() + ": " + mapped.error_text());
			if (!error && !power_lost_)
				require(third->load(TargetType::snapshot, snap->sectors, words) !=
						0,
					"a third table over " + snap->name() + " is refused");
			sleep_for(n * 10'000);
			third->remove();
			break;
		}
		default: {
			int error = load();
			require(!error || excuse.holds(),
				"loading " + snap->name() + ": " + mapped.error_text());
			sleep_for(n * 10'000);
		}
		}
		mapped.clear();
	});
}

/*
 * The other device is resumed while the source runs: refused.  Then
 *   0  it is removed, and the source goes on;
 *   1  the source is suspended, and it is resumed;
 *   2  the same, but the source is resumed first: refused;
 *   3  the source is removed, and the other one gets nothing.
 */
void Machine::hand_over_badly(Random &random, const SnapHandle &snap)
{
	/* Requests that wait for the source would fail with it. */
	if (!quiesce())
		return;
	uint64_t way = random.below(4), ns = random.below(200'000);
	note("hand over in the wrong order", snap);
	snap->away = true;
	if (way == 3) {
		std::erase(snaps_, snap);
		snap->may_fail = true;
	}
	change("bad handover", false, snap, [this, snap, way, ns] {
		Excuse excuse(*this, snap);
		auto other = new_mapped();
		user::Mapped &source = *snap->mapped;
		int error =
			other->load(TargetType::snapshot, snap->sectors, snap->words(snap->chunk));
		require(!error || excuse.holds(),
			"loading another table over " + snap->name() + ": " + other->error_text());
		if (error) {
			snap->away = false;
			return;
		}
		require(other->resume() != 0 || power_lost_,
			"a store is taken over from " + snap->name() + ", which is active");
		sleep_for(ns);
		if (way == 1 || way == 2) {
			source.suspend();
			if (way == 2)
				require(source.resume() != 0 || power_lost_,
					snap->name() +
						" is resumed although its store is to be handed over");
			error = other->resume();
			require(!error || excuse.holds(), "taking " + snap->name() + " over");
			require(source.resume() == 0 || excuse.holds(),
				"resuming the source of " + snap->name());
			std::swap(snap->mapped, other);
		} else if (way == 3) {
			source.remove();
			error = other->resume();
			require(!error || excuse.holds(), "resuming what lost its source");
			require(other->status() == "Invalid" || power_lost_,
				"a snapshot without a source says " + other->status());
		}
		other->remove();
		snap->away = false;
	});
}

/* Every acknowledged write must be there again. */
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
				/* A message was under way, and its commit fails. */
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

/*
 * As in LVM2: the origin's table becomes a merge, and takes over the store from
 * the snapshot, unless that was removed before.  From the moment when copying may
 * begin, the origin is what the snapshot was.
 */
void Machine::begin_merge(Random &random, const SnapHandle &snap)
{
	if (!quiesce() || snap->invalid() || snap->overflowed())
		return;
	note("merge", snap);
	bool handover = plan_.seed % 2;
	change("merge", true, snap, [this, snap, handover] {
		Excuse excuse(*this, snap);
		origin_.suspend();
		snap->mapped->suspend();
		/* The last commit may have failed, or one for a message may be in flight. */
		snap->cow->clear_faults();
		snap->mapped->message({"commit"});
		bool lost = snap->invalid();
		if (!lost && !handover) {
			/* To read a store takes memory. */
			Memory::instance().fail_nothing();
			snap->mapped->remove();
		}
		int error = 0;
		if (!lost && !power_lost_)
			error = origin_.load(TargetType::merge, sectors_, snap->words(snap->chunk));
		require(!error || excuse.holds(),
			"loading the merge of " + snap->name() + ": " + origin_.error_text());
		lost = lost || error;
		if (!lost && !power_lost_) {
			std::erase(snaps_, snap);
			merging_ = snap;
			history_ = snap->view;
		}
		error = origin_.resume();
		require(!error || excuse.holds(), "resuming the merge of " + snap->name());
		if (lost)
			snap->mapped->resume();
		else
			snap->mapped->remove();
	});
	for (uint64_t n = plan_.trouble & overlaps ? random.below(4) : 0; n; n--)
		send_message(random, snap);
	/* Writes from now on hit the first batch. */
	turn([this] { return !origin_busy_; });
	for (uint64_t n = random.below(6); n && merging_; n--) {
		write(random, nullptr);
		turn_for(random.below(20'000));
	}
}

bool Machine::is_merged()
{
	unsigned long long used, size, metadata;
	std::string status = origin_.status();
	return std::sscanf(status.c_str(), "%llu/%llu %llu", &used, &size, &metadata) == 3 &&
	       used == metadata;
}

void Machine::end_merge()
{
	if (!is_merged())
		return;
	note("end of the merge of", merging_);
	reload_origin(sectors_);
}

void Machine::finish_merge()
{
	/* Other snapshots may stall one after the other, for a minute each. */
	constexpr uint64_t long_enough_ns = 1'500'000'000'000;
	if (!quiesce() || !merging_)
		return;
	/* A resume continues a merge that has failed. */
	suspend_origin();
	if (!quiesce())
		return;
	origin_.message({"merge", "rate", "0"});
	origin_.message({"merge", "resume"});
	turn_for(long_enough_ns);
	require(is_merged(), "a merge does not end: " + origin_.status());
	end_merge();
}

/*
 * The merge's origin becomes an origin again, and the rest of the store a snapshot, which
 * shows what the merge showed; the origin shows what its disk holds.
 */
void Machine::stop_merge()
{
	if (!quiesce())
		return;
	note("stop the merge of", merging_);
	SnapHandle snap = merging_;
	change("stop", true, nullptr, [this, snap] {
		Excuse excuse(*this, snap);
		origin_.suspend();
		/* The disk's contents become the origin's, so they must not change. */
		if (!flush_disk()) {
			origin_.resume();
			return;
		}
		int error = snap->mapped->load(TargetType::snapshot, snap->sectors,
					       snap->words(snap->chunk));
		if (!error)
			error = origin_.load(TargetType::origin, sectors_, "disk");
		require(!error || excuse.holds(),
			"loading the table after a merge: " + snap->mapped->error_text() +
				origin_.error_text());
		if (error && !power_lost_) {
			snap->mapped->remove();
			origin_.clear();
			origin_.resume();
			return;
		}
		error = snap->mapped->resume();
		if (!power_lost_) {
			require(!error, "taking a merge over");
			snap->view = history_;
			history_ = disk_history(sectors_);
			snap->has.assign((sectors_ + snap->chunk - 1) / snap->chunk, false);
			snap->since = now_;
			/* The COW chunks of merged exceptions are free only after the next load. */
			snap->small = true;
			merging_ = nullptr;
			snaps_.push_back(snap);
		}
		origin_.resume();
	});
	quiesce();
}

} // namespace dmsnap::sim
