// SPDX-License-Identifier: GPL-2.0-only
/*
 * What work queues and items are made of.  Only world.cpp and port_work.cpp
 * need it.
 */
#pragma once

#include "user/world.hpp"

namespace dmsnap::user {

/* In the storage of a struct dmsnap_work. */
struct World::WorkState {
	enum class State : uint8_t { idle, delayed, queued };
	static constexpr uint64_t valid = 0x6b726f77646d736e;

	uint64_t magic;
	dmsnap_work_fn fn;
	void *ctx;
	/* Of the last time it was queued. */
	WorkQueue *queue;
	State state;
	/* Its place among what runs later. */
	uint64_t time_ns;
	uint64_t number;
};

/* Runs its items in order, one at a time. */
struct World::WorkQueue {
	std::string name;
	std::deque<WorkState *> pending;
	WorkState *running = nullptr;
	Process *process = nullptr;
	/* Among the ready, or running. */
	bool scheduled = false;
};

} // namespace dmsnap::user
