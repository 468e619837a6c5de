// SPDX-License-Identifier: GPL-2.0-only
/*
 * Context: what a thread of the simulated world may do now.  Every process, completion and real
 * thread has one.  The fuzzers' port (tests/fuzz/port) checks these rules with the same code.
 */
#pragma once

#include <array>

#include <dmsnap/port/lock.h>

namespace dmsnap::user {

/* The locks that a context holds, in the order of acquisition. */
class HeldLocks {
public:
	struct Held {
		const void *lock;
		dmsnap_lock_rank rank;
		bool spin;
	};

	const Held *begin() const { return held_.data(); }
	const Held *end() const { return held_.data() + count_; }
	bool empty() const { return count_ == 0; }
	unsigned int spinlocks() const { return spinlocks_; }
	void add(const Held &held);
	void remove(const void *lock);

private:
	/* Ranks rise, so there are fewer. */
	std::array<Held, 16> held_;
	unsigned int count_ = 0;
	unsigned int spinlocks_ = 0;
};

struct Context {
	/* A completion runs, as in an interrupt. */
	bool atomic = false;
	/* If set: the name of the caller that must not sleep. */
	const char *no_sleep = nullptr;
	unsigned int rcu_depth = 0;
	/* Its process was killed: World::kill(). */
	bool killed = false;
	HeldLocks held;

	/* May another context run now? */
	bool preemptible() const { return !atomic && rcu_depth == 0 && held.spinlocks() == 0; }
};

Context &this_context();

/* Makes @context the current one while it lives. */
class ContextScope {
public:
	explicit ContextScope(Context &context);
	~ContextScope();
	ContextScope(const ContextScope &) = delete;
	ContextScope &operator=(const ContextScope &) = delete;

private:
	Context *before_;
};

/* For NoSleepScope: a map upcall that may call dmsnap_port_bio_submit_watched() all the same. */
inline constexpr char map_may_watch[] = "a map upcall";

/* While it lives, no function called by this context may sleep. */
class NoSleepScope {
public:
	explicit NoSleepScope(const char *who);
	~NoSleepScope();
	NoSleepScope(const NoSleepScope &) = delete;
	NoSleepScope &operator=(const NoSleepScope &) = delete;

private:
	const char *before_;
};

/* Reports a failure unless the current context may sleep; @what is about to. */
void check_may_sleep(const char *what);

/* The same for dmsnap_port_bio_submit_watched(), which a map upcall may call although it sleeps. */
void check_may_watch(const char *what);

/* Reports a failure if the current context holds a lock. */
void check_no_lock(const char *what);

/* Reports a failure if a lock of @rank, or of one that comes after it, is held. */
void check_rank(dmsnap_lock_rank rank);

/* Reports a failure if @context still holds something; @who is at its end. */
void check_nothing_held(const Context &context, const char *who);

} // namespace dmsnap::user
