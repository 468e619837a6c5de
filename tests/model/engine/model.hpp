// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory model: what Atomic, Plain and the port's locks of a modelled program call.
 *
 * It is C++20's, with two limits.  A load never returns a value that is stored later in the
 * execution (no load buffering, as in RC11): C++ allows that, but gives no usable rule for it.
 * And consume does not exist.
 *
 * The last store of a location's modification order is also in its memory, so that a copy of the
 * bytes works, if its thread has seen that store.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "model/engine/site.hpp"

namespace dmsnap::model {

/* An atomic object in memory; its value as an integer. */
struct Cell {
	void *address;
	unsigned int bytes;
};

uint64_t load(Cell cell, Order order, const Site &site);
void store(Cell cell, uint64_t value, Order order, const Site &site);
/* Adds; returns the new value. */
uint64_t change(Cell cell, uint64_t amount, Order order, const Site &site);
void fence(Order order, const Site &site);
/* The object begins its life, which is no atomic access. */
void construct(Cell cell);

/* Not atomic: any two accesses of which one writes must be ordered by happens-before. */
void plain_read(const void *address, const Site &site);
void plain_write(const void *address, const Site &site);

/* The threads and the set-up. */
void *allocate(size_t bytes, size_t alignment);
void release(const void *memory);
void lock(const void *address);
void unlock(const void *address);
void rcu_read_lock();
void rcu_read_unlock();
void rcu_synchronize();
/* In a loop that waits: ends the execution if there have been too many. */
void relax();

/* What went wrong in this execution, if the execution is allowed at all. */
[[noreturn]] void fail(const char *what);
inline void expect(bool holds, const char *what)
{
	if (!holds)
		fail(what);
}

} // namespace dmsnap::model
