// SPDX-License-Identifier: GPL-2.0-only
/*
 * Locks that can be taken only through a guard: SpinGuard, MutexGuard.  RcuGuard is for RCU read
 * sections.
 */
#pragma once

#include <dmsnap/port/lock.h>

#include "base/annotations.hpp"

namespace dmsnap {

class DMSNAP_CAPABILITY("spinlock") SpinLock {
public:
	explicit SpinLock(dmsnap_lock_rank rank) { dmsnap_port_spin_init(&lock_, rank); }
	SpinLock(const SpinLock &) = delete;
	SpinLock &operator=(const SpinLock &) = delete;

	/*
	 * See dmsnap_port_spin_assert_held().  Kernels without lockdep are spared the call, which
	 * each first touch would make some twenty times.
	 */
	void assert_held() const DMSNAP_ASSERTS(this)
	{
#ifndef DMSNAP_NO_LOCKDEP
		dmsnap_port_spin_assert_held(&lock_);
#endif
	}

private:
	friend class SpinGuard;
	dmsnap_spinlock lock_;
};

class DMSNAP_SCOPED_CAPABILITY SpinGuard {
public:
	explicit SpinGuard(SpinLock &lock) DMSNAP_ACQUIRES(lock)
	    : lock_(lock), flags_(dmsnap_port_spin_lock(&lock.lock_))
	{
	}
	~SpinGuard() DMSNAP_RELEASES() { dmsnap_port_spin_unlock(&lock_.lock_, flags_); }
	SpinGuard(const SpinGuard &) = delete;
	SpinGuard &operator=(const SpinGuard &) = delete;

private:
	SpinLock &lock_;
	unsigned long flags_;
};

/*
 * The lock of an origin, shared by its snapshots (snapshot/origin_base.hpp).
 *
 * clang's analysis compares expressions, not objects, and each class refers to its origin's lock
 * by another expression.  So the analysis sees the locks of all origins as one capability,
 * origin_lock.  No thread may hold two of them (DMSNAP_LOCK_ORIGIN); that the one it holds is
 * the right one is checked at run time, by assert_held().
 */
inline constexpr struct DMSNAP_CAPABILITY("origin's lock") OriginLockRole {
} origin_lock;

class OriginLock {
public:
	void assert_held() const DMSNAP_ASSERTS(origin_lock) { lock_.assert_held(); }

private:
	friend class OriginGuard;
	SpinLock lock_{DMSNAP_LOCK_ORIGIN};
};

class DMSNAP_SCOPED_CAPABILITY OriginGuard {
public:
	/* SAFETY: the analysis does not follow the guard inside, which has the lock as long. */
	explicit OriginGuard(OriginLock &lock) DMSNAP_ACQUIRES(origin_lock) DMSNAP_UNCHECKED
	    : guard_(lock.lock_)
	{
	}
	~OriginGuard() DMSNAP_RELEASES() {}

private:
	SpinGuard guard_;
};

class DMSNAP_CAPABILITY("mutex") Mutex {
public:
	explicit Mutex(dmsnap_lock_rank rank) { dmsnap_port_mutex_init(&lock_, rank); }
	~Mutex() { dmsnap_port_mutex_destroy(&lock_); }
	Mutex(const Mutex &) = delete;
	Mutex &operator=(const Mutex &) = delete;

private:
	friend class MutexGuard;
	dmsnap_mutex lock_;
};

class DMSNAP_SCOPED_CAPABILITY MutexGuard {
public:
	explicit MutexGuard(Mutex &lock) DMSNAP_ACQUIRES(lock) : lock_(lock)
	{
		dmsnap_port_mutex_lock(&lock.lock_);
	}
	~MutexGuard() DMSNAP_RELEASES() { dmsnap_port_mutex_unlock(&lock_.lock_); }
	MutexGuard(const MutexGuard &) = delete;
	MutexGuard &operator=(const MutexGuard &) = delete;

private:
	Mutex &lock_;
};

class RcuGuard {
public:
	RcuGuard() { dmsnap_port_rcu_read_lock(); }
	~RcuGuard() { dmsnap_port_rcu_read_unlock(); }
	RcuGuard(const RcuGuard &) = delete;
	RcuGuard &operator=(const RcuGuard &) = delete;
};

/* Something that one thread waits for and another one sets; used once. */
class Event {
public:
	Event() { dmsnap_port_event_init(&event_); }
	Event(const Event &) = delete;
	Event &operator=(const Event &) = delete;

	void set() { dmsnap_port_event_set(&event_); }
	void wait() { dmsnap_port_event_wait(&event_); }
	/* See dmsnap_port_event_wait_killable(). */
	int wait_killable(const char *what)
	{
		return dmsnap_port_event_wait_killable(&event_, what);
	}

private:
	dmsnap_event event_;
};

} // namespace dmsnap
