// SPDX-License-Identifier: GPL-2.0-only
/*
 * Crank: a list of items that are ready to run, in order, and of items that run later.  It turns
 * when code waits for an event, or when the fuzzer turns it.  The clock moves only when no item is
 * ready.
 */
#pragma once

#include <cstdint>

#include <dmsnap/port/work.h>

namespace dmsnap::fuzz {

/* Lies in the storage of a struct dmsnap_work. */
struct Work {
	enum class State : uint8_t { idle, delayed, queued };
	static constexpr uint64_t valid = 0x6b726f77646d736e;

	uint64_t magic;
	dmsnap_work_fn fn;
	void *ctx;
	State state;
	uint64_t due_ns;
};

class Crank {
public:
	/* Called at the end of an I/O. */
	using Done = void (*)(void *ctx, int error);

	/* Runs one ready item, or moves the clock.  Returns false if nothing is left. */
	bool step();
	/* Turns until nothing is left, not even timers. */
	void run_until_idle();
	uint64_t now_ns() const { return now_ns_; }

	/* Calls @done soon, in atomic context. */
	void complete(Done done, void *ctx, int error);
	void queue(Work &work);
	void queue_at(Work &work, uint64_t due_ns);
	void cancel(Work &work);

private:
	/* Either a completion or work. */
	struct Item {
		Done done;
		void *ctx;
		int error;
		Work *work;
	};
	/* Far more than the core has in flight. */
	static constexpr unsigned int items_max = 4096;
	static constexpr unsigned int timers_max = 16;

	void push(const Item &item);
	bool move_clock();
	void drop_timer(const Work &work);
	static void run(const Item &item);

	Item items_[items_max];
	unsigned int begin_ = 0;
	unsigned int count_ = 0;
	Work *timers_[timers_max];
	unsigned int timer_count_ = 0;
	uint64_t now_ns_ = 1'000'000'000;
};

extern Crank crank;

} // namespace dmsnap::fuzz
