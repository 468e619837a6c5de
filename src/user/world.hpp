// SPDX-License-Identifier: GPL-2.0-only
/*
 * World: one simulated machine.  Its clock, what is ready to run, the processes
 * that wait, the devices and the log.
 *
 * Everything runs on one real thread.  Work items and spawned bodies are
 * processes with stacks of their own (fiber.hpp); completions of I/O run one at
 * a time in atomic context; the test itself is the process "outside" that turns
 * the crank.  The clock moves only when nothing is ready.
 *
 * Order of what is ready: first come, first served; or at random from a seed,
 * then port calls that may sleep or take a spinlock also let others run now and
 * then, and devices do an I/O at its submission or at its completion.  The same
 * seed gives the same run.
 */
#pragma once

#include <cstdint>
#include <deque>
#include <dmsnap/port/trace.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <dmsnap/port/work.h>

#include "user/device.hpp"
#include "user/fiber.hpp"
#include "user/random.hpp"

namespace dmsnap::user {

enum class Order { fifo, random };

struct WorldOptions {
	Order order = Order::fifo;
	uint64_t seed = 0;
};

class World {
public:
	/* Becomes the current world; there is one at a time. */
	explicit World(WorldOptions options = {});
	/* Reports processes, work items and memory that are left over. */
	~World();
	World(const World &) = delete;
	World &operator=(const World &) = delete;

	/* The current world; without one the process ends. */
	static World &current();
	/* The current world or nullptr. */
	static World *find();

	/* --- Turning the crank: from outside any process. --- */

	/* Runs one ready thing, moving the clock if there is none.  False: nothing is left. */
	bool step();
	/* The same, but only up to @time_ns, to which the clock moves if nothing is due before. */
	bool step_until(uint64_t time_ns);
	/* Until nothing is left, timers included. */
	void run_until_idle();
	/* Until only timers of delayed work are left; the clock may move for I/O. */
	void settle();
	/* Runs until @done returns true; returns false if nothing was left before that. */
	bool run_until(const std::function<bool()> &done);
	/* Runs everything due within @ns from now, and moves the clock there. */
	void run_for(uint64_t ns);

	/* Starts a process for the test, e.g. one that writes while another suspends. */
	void spawn(std::string name, std::function<void()> body);
	/* Ends all killable waits of the process of that name, now and later. */
	void kill(std::string_view name);
	/*
	 * Waits until @ready: a process lets others run, outside the crank turns.
	 * @key: what wake() will be called with.  Ends the test run when nothing
	 * is left that could bring it about.
	 */
	void wait(const void *key, const char *what, const std::function<bool()> &ready);
	/* Waiters with @key check their condition again. */
	void wake(const void *key);

	/* --- Time and chance. --- */

	uint64_t now_ns() const { return now_ns_; }
	bool random_order() const { return options_.order == Order::random; }
	Random &random() { return random_; }
	/* Where another context could run now; does nothing in FIFO order. */
	static void preempt();

	/* --- Devices. --- */

	/* The world owns it.  Numbered 252:0, 252:1 ... in order. */
	Device &add_device(DeviceOptions options);
	/* By "major:minor", name, or "/dev/" and name.  nullptr if there is none. */
	Device *find_device(std::string_view path);
	const std::vector<std::unique_ptr<Device>> &devices() const { return devices_; }
	/* I/Os that devices were asked for, all together. */
	uint64_t ios() const { return ios_; }
	/* Writes of metadata that change several sectors, so that they can tear. */
	uint64_t wide_commits() const { return wide_commits_; }
	/* What a crash now would leave of each device, in their order.  Changes nothing. */
	std::vector<Image> crash_images(CrashPolicy policy) const;
	/* The power of all devices fails at once (Device::crash()). */
	void crash(CrashPolicy policy);
	/* All devices work again. */
	void power_on();

	/* --- Log and module parameters. --- */

	const std::vector<std::string> &log() const { return log_; }
	bool log_holds(std::string_view part) const;
	void add_log(std::string line);
	/* If set: called for everything that happens, even what is not logged, e.g. each I/O. */
	std::function<void(const std::string &)> trace;
	/* If set: called for the core's trace events. */
	std::function<void(const dmsnap_trace &)> on_trace;
	unsigned int cow_threshold = 0;
	unsigned int no_space_timeout = 60;
	bool stall_on_full = false;
	unsigned int low_water = 0;
	unsigned int copy_throttle = 100;
	unsigned int copy_ahead = 0;
	bool origin_discards = true;
	/* Closing a device while I/O of its opener is in flight is a failure. */
	bool check_close = true;
	bool refuse_bad_store = false;

	/* --- For the port and the devices. --- */

	void count_io(bool is_wide_commit)
	{
		ios_++;
		wide_commits_ += is_wide_commit;
	}
	/* Calls @fn in atomic context at that time, or as soon as possible after. */
	void complete_at(uint64_t time_ns, std::function<void()> fn);

	struct WorkQueue;
	struct WorkState;
	WorkQueue *create_queue(std::string name);
	void destroy_queue(WorkQueue *queue);
	void queue_work(WorkQueue *queue, WorkState *work);
	void queue_work_at(WorkQueue *queue, WorkState *work, uint64_t time_ns);
	void cancel_work(WorkState *work);

	/*
	 * Records memory that queued work or I/O in flight will use.  @as: a literal for the
	 * message.  An address may be referred to several times.
	 */
	void refer(const void *address, const char *as) { references_.push_back({address, as}); }
	void unrefer(const void *address);
	/* Before @memory goes: reports a failure if it is referred to.  Any thread. */
	static void check_unreferred(const void *memory, size_t bytes, const char *what);

private:
	struct Process;
	/* Something that can run now: exactly one of the three. */
	struct Ready {
		std::function<void()> completion{};
		WorkQueue *queue = nullptr;
		Process *process = nullptr;
	};
	/* Something that can run later: one of the two. */
	struct Later {
		std::function<void()> completion{};
		WorkState *work = nullptr;
	};
	using When = std::pair<uint64_t, uint64_t>;
	struct Reference {
		const void *address;
		const char *as;
	};

	void collect_due();
	void run(const Ready &item);
	void run_queue(WorkQueue *queue);
	Process *start_process(std::string name, std::function<void()> body);
	void enter(Process *process);
	void schedule(WorkQueue *queue);
	bool exists(const WorkQueue *queue) const;
	[[noreturn]] void die_of_deadlock(const char *what);

	WorldOptions options_;
	Random random_;
	std::thread::id thread_ = std::this_thread::get_id();
	uint64_t now_ns_ = 1'000'000'000;
	uint64_t next_number_ = 0;
	uint64_t ios_ = 0;
	uint64_t wide_commits_ = 0;
	size_t io_later_ = 0;
	size_t memory_before_;
	std::deque<Ready> ready_;
	std::map<When, Later> later_;
	std::vector<std::unique_ptr<Process>> processes_;
	std::vector<std::unique_ptr<WorkQueue>> queues_;
	std::vector<std::unique_ptr<Device>> devices_;
	std::vector<std::string> log_;
	/* Few at a time, so a linear search is faster than keeping them sorted. */
	std::vector<Reference> references_;
};

} // namespace dmsnap::user
