// SPDX-License-Identifier: GPL-2.0-only
#include "sim/machine.hpp"

#include <algorithm>
#include <cerrno>

#include "user/failure.hpp"
#include "user/memory.hpp"

namespace dmsnap::sim {

using test::stamped;
using user::Device;
using user::Memory;
using user::Op;
using user::Order;
using user::Random;
using user::TargetType;
using user::text;

namespace {

constexpr unsigned int chunk_sizes[] = {1, 2, 4, 8, 16, 128};
constexpr uint64_t sector_bytes = 512;

/* Large chunks make a run long: they are the exception. */
unsigned int choose_chunk(const Plan &plan, Random &random)
{
	if (plan.size == Size::long_lists)
		return chunk_sizes[1 + random.below(3)];
	return chunk_sizes[random.below(random.one_in(16) ? 6 : 5)];
}

uint64_t choose_size(const Plan &plan, unsigned int chunk, Random &random)
{
	uint64_t least = chunk > 16 ? 2 * chunk : 24 + 2 * chunk;
	switch (plan.size) {
	case Size::tiny:
		return least + random.below(24);
	case Size::long_lists:
		return (36 + random.below(64)) * chunk + random.below(chunk);
	case Size::whole_batches:
		return least + random.below(3000);
	case Size::small:
		break;
	}
	return least + random.below(100);
}

uint64_t rounded_down(uint64_t sectors, uint64_t unit)
{
	return sectors - sectors % unit;
}

uint64_t rounded_up(uint64_t sectors, uint64_t unit)
{
	return rounded_down(sectors + unit - 1, unit);
}

Order order_of(const Plan &plan, bool plain)
{
	return plain || plan.seed % 8 == 7 ? Order::fifo : Order::random;
}

/* Nobody makes tables over a device that is not there. */
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

std::string Machine::Snap::words(unsigned int chunk_argument) const
{
	return "disk " + name() + " " + type + " " + std::to_string(chunk_argument) + features;
}

Machine::Machine(const Plan &plan, MachineOptions options)
    : plan_(plan), options_(std::move(options)), random_(Random::mix(plan.seed)),
      world_({.order = order_of(plan, options_.plain), .seed = plan.seed}),
      more_random_(Random::mix(plan.seed + 0x6d6f7265)), disk_block_(choose_block(false)),
      chunk_(std::max(choose_chunk(plan, random_), disk_block_)),
      sectors_(rounded_up(choose_size(plan, chunk_, random_), end_unit())),
      disk_(add_device("disk", sectors_, disk_block_)), history_({}),
      crash_at_(options_.crash_at_io)
{
	constexpr unsigned int thresholds[] = {1, 4, 2048, 2048};
	constexpr unsigned int throttles[] = {100, 100, 100, 40};
	world_.trace = options_.trace;
	world_.check_close = plan_.trouble & teardown;
	world_.cow_threshold = thresholds[random_.below(4)];
	world_.copy_throttle = throttles[random_.below(4)];
	world_.no_space_timeout = random_.one_in(4) ? 1 : 60;
	/* No crash leaves one. */
	world_.refuse_bad_store = true;
	disk_.poke(0, stamped(1, 0, sectors_));
	if (plan_.trouble & few_tags)
		origin_.let_submitters_sleep();
	history_ = History(std::vector<Stamp>(sectors_, 1));
}

Machine::~Machine()
{
	Memory::instance().fail_nothing();
	snaps_.clear();
	merging_ = nullptr;
	origin_.remove();
	world_.run_until_idle();
}

void Machine::run()
{
	if (int error = activate_origin())
		fail(text("creating the origin: error %d", error));
	bool none = options_.plain || plan_.size == Size::tiny;
	uint64_t first_snaps = none ? 0 : random_.below(snapshots_max() > 4 ? 17 : 4);
	for (; first_snaps; first_snaps--) {
		Random own(random_.next());
		create_snapshot(own);
		quiesce();
	}
	for (const Step &step : plan_.steps) {
		if (tracing())
			note(text("--- step %u: %s", step.number, to_text(step.action)));
		do_step(step);
		poll();
		if (!power_fails_now())
			continue;
		crash();
		if (options_.crash_at_io)
			return;
	}
	crash_at_ = crash_at_commit_ = 0;
	mend();
	/* What has vanished comes back with the power. */
	if (std::any_of(world_.devices().begin(), world_.devices().end(),
			[](const auto &device) { return device->vanished(); }) &&
	    quiesce())
		crash();
	finish_merge();
	check_quietly();
}

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
		/* A merge is not reloaded: "A snapshot is already merging." */
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
	}
}

unsigned int Machine::choose_block(bool cow)
{
	constexpr unsigned int blocks[] = {1, 8, 8, 16, 16, 64};
	if (plan_.trouble & odd_blocks && cow)
		return blocks[more_random_.below(6)];
	return plan_.trouble & large_blocks && more_random_.one_in(2) ? 8 : 1;
}

unsigned int Machine::unit_of(const SnapHandle &snap) const
{
	const SnapHandle &with_cow = snap ? snap : merging_;
	return with_cow ? std::max(disk_block_, with_cow->cow->options().block_sectors)
			: disk_block_;
}

Device &Machine::add_device(const std::string &name, uint64_t sectors, unsigned int block)
{
	user::DeviceOptions options{.name = name, .sectors = sectors, .block_sectors = block};
	if (!options_.plain) {
		options.latency_ns = 1000 + random_.below(100'000);
		options.flush_ns = 1000 + random_.below(300'000);
		options.jitter_ns = random_.one_in(2) ? random_.below(200'000) : 0;
		options.volatile_cache = !random_.one_in(8);
	}
	if (plan_.trouble & poor_devices) {
		options.sector_ns = more_random_.below(4000);
		options.zeroes = more_random_.one_in(2);
		options.discards = more_random_.one_in(2);
	}
	if (plan_.trouble & few_tags)
		options.tags = static_cast<unsigned int>(1 + more_random_.below(4));
	return world_.add_device(std::move(options));
}

std::unique_ptr<user::Mapped> Machine::new_mapped() const
{
	auto mapped = std::make_unique<user::Mapped>("snapshot");
	if (plan_.trouble & few_tags)
		mapped->let_submitters_sleep();
	return mapped;
}

bool Machine::turn(const std::function<bool()> &done)
{
	/* A thousand times what any takes. */
	constexpr unsigned int steps_max = 1'000'000;
	wake_up();
	for (unsigned int steps = 0; !done(); steps++) {
		if (power_fails_now() || !world_.step())
			return false;
		require(steps < steps_max, "something goes on for ever");
	}
	return true;
}

void Machine::turn_for(uint64_t ns)
{
	uint64_t until = world_.now_ns() + ns;
	while (!power_fails_now() && world_.step_until(until))
		;
}

bool Machine::quiesce()
{
	bool quiet = turn([this] {
		return all_done() && !origin_busy_ &&
		       std::none_of(snaps_.begin(), snaps_.end(), [](const SnapHandle &snap) {
			       return snap->busy || snap->messages;
		       });
	});
	poll();
	if (!quiet && !power_fails_now())
		fail("requests or changes of a table never end");
	return quiet;
}

Machine::SnapHandle Machine::any_snap(Random &random)
{
	return snaps_.empty() ? nullptr : snaps_[random.below(snaps_.size())];
}

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

int Machine::suspend_killably(user::Mapped &mapped)
{
	bool ended = false;
	int error = 0;
	world_.spawn("dmsetup suspend", [&] {
		error = mapped.suspend();
		ended = true;
		world_.wake(&ended);
	});
	world_.wait(&ended, "a suspend", [&] { return ended; });
	return error;
}

void Machine::kill_changes()
{
	note("--- killed: who suspends or removes");
	world_.kill("dmsetup suspend");
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
		if (asked.request->op != DMSNAP_BIO_DISCARD || !asked.snap->passdown)
			continue;
		uint64_t begin = asked.request->sector, count = asked.request->sectors;
		history.begin(0, begin, count, asked.begin);
		/* Its zeros may be seen already, and a crash still bring back what was there. */
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
	else if (small && chunk <= 16) /* Where an area ends, or nearly, the device does. */
		cow_chunks = (1 + random.below(3)) * (per_area + 1) + 1 + random.below(3);

	auto snap = std::make_shared<Snap>();
	snap->mapped = new_mapped();
	snap->cow = &add_device("cow" + std::to_string(++cows_),
				rounded_down(cow_chunks * chunk + random.below(chunk), cow_block),
				cow_block);
	/* Whatever was there before, as long as it does not begin like a store. */
	if (random.one_in(2))
		snap->cow->poke(chunk, stamped(test::not_a_stamp - cows_, chunk,
					       snap->cow->sectors() - chunk));
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
	snap->may_fail = small;
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
		/* What the snapshot takes for the origin's content has to stay. */
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

/* Those that sleep are a process of their own, as dmsetup is. */
void Machine::send_message(Random &random, const SnapHandle &snap)
{
	const std::vector<std::vector<std::string>> messages = {
		{"stats"},
		{"stats", "reset"},
		{"low_water", std::to_string(random.below(101))},
		{"in_flight", std::to_string(random.below(8))},
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
	/* Its table stays until it is answered, whatever else goes on; if anything may. */
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
		/* Its store changes hands, or has done so. */
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
	/* Bios that wait for a resume are failed. */
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
	/* What the table says of the chunk size of a store that is there counts for nothing. */
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
		/* Killed: dm keeps the table that was loaded, and its user thinks better of it. */
		if (suspend_killably(*snap->mapped))
			snap->mapped->clear();
		error = snap->mapped->resume();
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
 *   3  the source is removed, so that the other one gets nothing.
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
			"a store is taken over from " + snap->name() + ", which runs");
		sleep_for(ns);
		if (way == 1 || way == 2) {
			source.suspend();
			if (way == 2)
				require(source.resume() != 0 || power_lost_,
					snap->name() + " is resumed, and its store is to go");
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

/* Everything that was answered must be there again. */
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
				/* A message was under way, and the commit that it asked for fails. */
				require(invalid || !invalid_now || may_fail(*snap),
					snap->name() + " is invalid for no reason");
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

/* Not for one that merges, but for its end. */
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
	/* It may have grown before, and the power have failed before the table did. */
	disk_.resize(std::max(sectors, disk_.sectors()));
	reload_origin(sectors);
	quiesce();
}

/*
 * As LVM2 does it: the origin's table becomes a merge, and takes the store over from
 * the snapshot; or the snapshot went before.  From the moment when the copying may
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
		/* The last commit may have failed, or one that a message asked for be on its way. */
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
	/* Whoever writes now meets the first batch. */
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
	/* Other snapshots may stall one after the other, a minute each. */
	constexpr uint64_t long_enough_ns = 1'500'000'000'000;
	if (!quiesce() || !merging_)
		return;
	/* One that has failed is taken up again by a resume. */
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
 * The merge's origin becomes an origin again, and what is not merged a snapshot: it
 * shows what the merge showed, and the origin what its disk holds.
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
		/* What the disk holds is what the origin will be, so it has to stay. */
		if (!flush_disk()) {
			origin_.resume();
			return;
		}
		int error = snap->mapped->load(TargetType::snapshot, snap->sectors,
					       snap->words(snap->chunk));
		if (!error)
			error = origin_.load(TargetType::origin, sectors_, "disk");
		require(!error || excuse.holds(),
			"loading what comes after a merge: " + snap->mapped->error_text() +
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
			/* The COW chunks of what was merged are free only after the next load. */
			snap->may_fail = true;
			merging_ = nullptr;
			snaps_.push_back(snap);
		}
		origin_.resume();
	});
	quiesce();
}

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
	if (tracing())
		note(text("disk: a %s will fail", user::to_text(op)));
	disk_.fail_nth(op, 1 + random.below(10));
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

bool Machine::any_hangs() const
{
	return std::any_of(world_.devices().begin(), world_.devices().end(),
			   [](const auto &device) { return device->hung(); });
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
	/* One that is being removed is there until its own I/O has ended. */
	return std::any_of(snaps_.begin(), snaps_.end(), needs) ||
	       std::any_of(changes_.begin(), changes_.end(),
			   [&](const Change &change) { return change.snap && needs(change.snap); });
}

/*
 * What merges may need the copies of all others before it can go on.  A snapshot that
 * stalls ends that itself in less time.
 */
void Machine::look_around()
{
	constexpr uint64_t long_enough_ns = 100'000'000'000;
	if (!any_hangs() || merging_ || origin_busy_)
		return;
	note("--- what hangs goes on to");
	bool answered = false;
	world_.spawn("status", [&answered, snaps = snaps_] {
		for (const SnapHandle &snap : snaps) {
			snap->mapped->status();
			snap->mapped->table();
		}
		answered = true;
	});
	turn_for(long_enough_ns);
	poll();
	if (!power_fails_now()) {
		require(answered, "status and table wait for a device that hangs");
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
		for (const SnapHandle &snap : snaps_)
			require(!snap->messages || snap->cow->hung(),
				"a message to " + snap->name() +
					" waits for a device that it does not need");
	}
	/* It refers to what is here. */
	turn([&answered] { return answered; });
}

void Machine::note_copied(const Asked &asked)
{
	/* Of a merge it may have gone to the COW device, and nobody else has copied anything. */
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

void Machine::note(const char *what, const SnapHandle &snap, uint64_t sector, uint64_t sectors,
		   Stamp stamp)
{
	if (!tracing())
		return;
	std::string line =
		text("[%llu] %s %s", static_cast<unsigned long long>(now_), what, name_of(snap));
	if (sectors)
		line += text(" %llu+%llu", static_cast<unsigned long long>(sector),
			     static_cast<unsigned long long>(sectors));
	if (stamp)
		line += text(" stamp %u", stamp);
	note(line);
}

void Machine::note(const std::string &line)
{
	if (tracing())
		options_.trace(
			text("%10llu us  ", static_cast<unsigned long long>(
						    (world_.now_ns() - 1'000'000'000) / 1000)) +
			line);
}

void Machine::fail(const std::string &message)
{
	user::report_failure("%s", message.c_str());
	std::abort();
}

} // namespace dmsnap::sim
