// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small program that is explored.  It is constructed before each execution, in the memory of
 * the program, before its threads begin; it is not destroyed.
 */
#pragma once

#include <cstdint>
#include <initializer_list>
#include <new>
#include <vector>

#include "model/engine/model.hpp"

namespace dmsnap::model {

class Program {
public:
	virtual ~Program() = default;
	virtual void thread(unsigned int number) = 0;
	/* When all threads have ended. */
	virtual void finish() {}
};

/* What came out of the execution: see Entry::outcomes. */
void observe(uint64_t outcome);

struct Entry {
	const char *name;
	/* What holds; for one that must fail, what goes wrong. */
	const char *what;
	unsigned int threads;
	Program *(*make)();
	/* Those that must come out, and no others; empty: not compared. */
	std::vector<uint64_t> outcomes;
	/* It shows a defect that the model must detect. */
	bool must_fail = false;
	/* How often a thread may go round a loop that waits; beyond that, it is cut. */
	unsigned int rounds = 1;
	/* Executions that are tried in order; if that is not all, others are tried at random. */
	uint64_t bound = 200'000;
	uint64_t at_random = 20'000;
};

template <typename T> Program *make()
{
	return new (allocate(sizeof(T), alignof(T))) T();
}

/* Adds programs, before main(). */
class Programs {
public:
	Programs(std::initializer_list<Entry> entries);
	static std::vector<Entry> &all();
};

} // namespace dmsnap::model
