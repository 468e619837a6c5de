// SPDX-License-Identifier: GPL-2.0-only
#include "user/world.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "user/failure.hpp"
#include "user/memory.hpp"
#include "user/process.hpp"
#include "user/work.hpp"

namespace dmsnap::user {
namespace {

World *the_world = nullptr;

/* Each device loses something else. */
CrashPolicy own_policy(CrashPolicy policy, const Device &device)
{
	policy.seed = Random::mix(policy.seed + device.id());
	return policy;
}

} // namespace

World::World(WorldOptions options)
    : options_(options), random_(options.seed), memory_before_(Memory::instance().outstanding())
{
	if (the_world)
		die("there is a world already");
	the_world = this;
}

World::~World()
{
	if (Fiber::current())
		die("a world is destroyed by one of its processes");
	for (const auto &process : processes_)
		if (!process->fiber.finished())
			report_failure("process %s is left over%s%s", process->name.c_str(),
				       process->key ? ", waiting in " : "",
				       process->key ? process->what : "");
	for (const auto &queue : queues_)
		report_failure("work queue %s is left over", queue->name.c_str());
	for (const auto &device : devices_)
		if (device->opens())
			report_failure("device %s is left open", device->options().name.c_str());
	Memory &memory = Memory::instance();
	if (memory.outstanding() > memory_before_)
		report_failure("memory is left over: %s", memory.describe().c_str());
	memory.fail_nothing();
	check_nothing_held(this_context(), "the world");
	ready_.clear();
	later_.clear();
	devices_.clear();
	the_world = nullptr;
}

World &World::current()
{
	if (!the_world)
		die("this needs a dmsnap::user::World");
	return *the_world;
}

World *World::find()
{
	return the_world;
}

void World::collect_due()
{
	while (!later_.empty() && later_.begin()->first.first <= now_ns_) {
		Later later = std::move(later_.begin()->second);
		later_.erase(later_.begin());
		if (later.work) {
			later.work->state = WorkState::State::idle;
			unrefer(later.work);
			queue_work(later.work->queue, later.work);
		} else {
			io_later_--;
			ready_.push_back({.completion = std::move(later.completion)});
		}
	}
}

bool World::step()
{
	if (Fiber::current() || this_context().atomic)
		die("only the test's outside can turn the world's crank");
	collect_due();
	/* A due item may not become ready: its queue may have an item that waits. */
	while (ready_.empty()) {
		if (later_.empty())
			return false;
		now_ns_ = later_.begin()->first.first;
		collect_due();
	}
	auto chosen = ready_.begin();
	if (random_order())
		chosen += static_cast<ptrdiff_t>(random_.below(ready_.size()));
	Ready item = std::move(*chosen);
	ready_.erase(chosen);
	run(item);
	return true;
}

void World::run(const Ready &item)
{
	if (item.process) {
		enter(item.process);
	} else if (item.queue) {
		run_queue(item.queue);
	} else {
		Context context;
		context.atomic = true;
		ContextScope scope(context);
		item.completion();
		check_nothing_held(context, "a completion");
	}
}

void World::run_queue(WorkQueue *queue)
{
	WorkState *work = queue->pending.front();
	queue->pending.pop_front();
	if (work->magic != WorkState::valid) {
		report_failure("a work item of %s was freed while queued", queue->name.c_str());
		queue->scheduled = false;
		schedule(queue);
		return;
	}
	work->state = WorkState::State::idle;
	unrefer(work);
	queue->running = work;
	Process *process =
		start_process(queue->name, [this, queue, fn = work->fn, ctx = work->ctx, work] {
			fn(ctx);
			queue->running = nullptr;
			queue->scheduled = false;
			schedule(queue);
			wake(work);
			wake(queue);
		});
	queue->process = process;
	enter(process);
}

World::Process *World::start_process(std::string name, std::function<void()> body)
{
	auto spare = std::find_if(processes_.begin(), processes_.end(),
				  [](const auto &p) { return p->fiber.finished(); });
	if (spare == processes_.end())
		spare = processes_.insert(spare, std::make_unique<Process>());
	Process *process = spare->get();
	process->name = std::move(name);
	process->fiber.context().killed = false;
	process->fiber.start(std::move(body));
	return process;
}

void World::enter(Process *process)
{
	process->fiber.enter();
}

void World::run_until_idle()
{
	while (step())
		;
}

void World::settle()
{
	for (;;) {
		collect_due();
		if (ready_.empty() && io_later_ == 0)
			return;
		step();
	}
}

bool World::run_until(const std::function<bool()> &done)
{
	while (!done())
		if (!step())
			return false;
	return true;
}

bool World::step_until(uint64_t time_ns)
{
	collect_due();
	if (ready_.empty() && (later_.empty() || later_.begin()->first.first > time_ns)) {
		now_ns_ = std::max(now_ns_, time_ns);
		return false;
	}
	return step();
}

void World::run_for(uint64_t ns)
{
	uint64_t until = now_ns_ + ns;
	while (step_until(until))
		;
}

void World::spawn(std::string name, std::function<void()> body)
{
	ready_.push_back({.process = start_process(std::move(name), std::move(body))});
}

void World::wait(const void *key, const char *what, const std::function<bool()> &ready)
{
	Fiber *fiber = Fiber::current();
	if (!fiber) {
		while (!ready())
			if (!step())
				die_of_deadlock(what);
		return;
	}
	if (ready())
		return;
	Process *self = nullptr;
	for (const auto &process : processes_)
		if (&process->fiber == fiber)
			self = process.get();
	while (!ready()) {
		self->key = key;
		self->what = what;
		fiber->leave();
	}
}

void World::kill(std::string_view name)
{
	for (const auto &process : processes_) {
		if (process->name != name || process->fiber.finished())
			continue;
		process->fiber.context().killed = true;
		if (process->key)
			wake(process->key);
	}
}

void World::wake(const void *key)
{
	for (const auto &process : processes_) {
		if (process->key != key || process->fiber.finished())
			continue;
		process->key = nullptr;
		ready_.push_back({.process = process.get()});
	}
}

void World::die_of_deadlock(const char *what)
{
	std::string who;
	for (const auto &process : processes_)
		if (!process->fiber.finished())
			who += text("; %s waits in %s", process->name.c_str(), process->what);
	for (const auto &device : devices_)
		if (device->held())
			who += text("; %zu I/Os of %s are held by the test", device->held(),
				    device->options().name.c_str());
	for (const auto &device : devices_)
		if (device->hung())
			who += text("; %s hangs", device->options().name.c_str());
	die("deadlock: the test waits in %s and nothing is left to run%s", what, who.c_str());
}

void World::preempt()
{
	World *world = find();
	if (!world || !world->random_order() || std::this_thread::get_id() != world->thread_ ||
	    !this_context().preemptible() || !world->random_.one_in(4))
		return;
	if (Fiber *fiber = Fiber::current()) {
		for (const auto &process : world->processes_)
			if (&process->fiber == fiber)
				world->ready_.push_back({.process = process.get()});
		fiber->leave();
	} else {
		/* What waits for its time is not preempting anybody. */
		for (uint64_t n = 1 + world->random_.below(3); n; n--) {
			world->collect_due();
			if (world->ready_.empty())
				break;
			world->step();
		}
	}
}

Device &World::add_device(DeviceOptions options)
{
	auto minor = static_cast<unsigned int>(devices_.size());
	devices_.push_back(std::make_unique<Device>(*this, std::move(options), minor));
	return *devices_.back();
}

Device *World::find_device(std::string_view path)
{
	if (path.starts_with("/dev/"))
		path.remove_prefix(5);
	for (const auto &device : devices_)
		if (path == device->options().name || path == device->number())
			return device.get();
	return nullptr;
}

std::vector<Image> World::crash_images(CrashPolicy policy) const
{
	std::vector<Image> images;
	images.reserve(devices_.size());
	for (const auto &device : devices_)
		images.push_back(device->crash_image(own_policy(policy, *device)));
	return images;
}

void World::crash(CrashPolicy policy)
{
	for (const auto &device : devices_)
		device->crash(own_policy(policy, *device));
}

void World::power_on()
{
	for (const auto &device : devices_)
		device->power_on();
}

bool World::log_holds(std::string_view part) const
{
	return std::any_of(log_.begin(), log_.end(), [part](const std::string &line) {
		return line.find(part) != std::string::npos;
	});
}

void World::add_log(std::string line)
{
	static const bool loud = std::getenv("DMSNAP_LOG") != nullptr;
	if (loud)
		std::fprintf(stderr, "[%llu] %s\n", static_cast<unsigned long long>(now_ns_),
			     line.c_str());
	if (trace)
		trace(line);
	log_.push_back(std::move(line));
}

void World::complete_at(uint64_t time_ns, std::function<void()> fn)
{
	if (time_ns <= now_ns_) {
		ready_.push_back({.completion = std::move(fn)});
		return;
	}
	io_later_++;
	later_.emplace(When{time_ns, next_number_++}, Later{.completion = std::move(fn)});
}

void World::unrefer(const void *address)
{
	auto found = std::find_if(references_.begin(), references_.end(),
				  [address](const Reference &r) { return r.address == address; });
	if (found == references_.end())
		return;
	*found = references_.back();
	references_.pop_back();
}

void World::check_unreferred(const void *memory, size_t bytes, const char *what)
{
	World *world = find();
	if (!world || std::this_thread::get_id() != world->thread_)
		return;
	auto begin = reinterpret_cast<uintptr_t>(memory);
	for (const Reference &reference : world->references_)
		if (reinterpret_cast<uintptr_t>(reference.address) - begin < bytes)
			report_failure("%s is given back, but %s refers to it", what, reference.as);
}

std::string log_of_world()
{
	std::string log;
	if (World *world = World::find())
		for (const std::string &line : world->log())
			log += "  log: " + line + "\n";
	return log;
}

} // namespace dmsnap::user
