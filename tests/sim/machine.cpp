// SPDX-License-Identifier: GPL-2.0-only
#include "sim/machine.hpp"

#include <algorithm>

#include "sim/sizes.hpp"
#include "user/failure.hpp"
#include "user/memory.hpp"

namespace dmsnap::sim {

using test::stamped;
using user::Device;
using user::Memory;
using user::Order;
using user::Random;
using user::text;

namespace {

/* Large chunks are rare, because they make a run long. */
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

Order order_of(const Plan &plan, bool plain)
{
	return plain || plan.seed % 8 == 7 ? Order::fifo : Order::random;
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
	if (plan_.trouble & streams)
		world_.copy_ahead = 1 << random_.below(11);
	world_.no_space_timeout = random_.one_in(4) ? 1 : 60;
	/* A random number of its own, so that other seeds still give the same runs. */
	endless_stalls_ = !options_.plain && Random(Random::mix(plan.seed + 0x7374616c)).one_in(6);
	limit_stalls(false);
	/* A crash never leaves a bad store. */
	world_.refuse_bad_store = true;
	disk_.poke(0, stamped(1, 0, sectors_));
	if (plan_.trouble & neighbour)
		neighbour_ = std::make_unique<Neighbour>(world_, now_);
	if (plan_.trouble & few_tags)
		origin_.let_submitters_sleep();
	history_ = History(std::vector<Stamp>(sectors_, 1));
}

Machine::~Machine()
{
	Memory::instance().fail_nothing();
	neighbour_ = nullptr;
	snaps_.clear();
	merging_ = nullptr;
	origin_.remove();
	world_.run_until_idle();
}

void Machine::run()
{
	if (int error = activate_origin())
		fail(text("creating the origin: error %d", error));
	if (neighbour_)
		neighbour_->activate();
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
	/* Vanished devices come back with the power. */
	if (std::any_of(world_.devices().begin(), world_.devices().end(),
			[](const auto &device) { return device->vanished(); }) &&
	    quiesce())
		crash();
	finish_merge();
	check_quietly();
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
		if (more_random_.one_in(2))
			options.discarded_byte = test::discarded_byte;
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
	/* A thousand times more than any run takes. */
	constexpr unsigned int steps_max = 1'000'000;
	constexpr uint64_t patience_ns = 100'000'000'000;
	wake_up();
	uint64_t larger_at_ns = world_.now_ns() + patience_ns;
	for (unsigned int steps = 0; !done(); steps++) {
		if (power_fails_now() || !world_.step())
			return false;
		require(steps < steps_max, "something never ends");
		if (world_.now_ns() < larger_at_ns)
			continue;
		end_stalls();
		larger_at_ns += patience_ns;
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
		return all_done() && !origin_busy_ && !questions_ &&
		       (!neighbour_ || neighbour_->all_done()) &&
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
