// SPDX-License-Identifier: GPL-2.0-only
/* A world with a worker, and tasks for it. */
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "base/worker.hpp"
#include "user/world.hpp"

namespace dmsnap::test {

/* A task that runs a lambda. */
struct Job : Task {
	explicit Job(std::function<void()> f)
	    : Task([](Task &task) { static_cast<Job &>(task).body(); }), body(std::move(f))
	{
	}
	std::function<void()> body;
};

struct WorkerRig {
	explicit WorkerRig(user::WorldOptions options = {})
	    : world(options), worker(std::move(*Worker::create("test")))
	{
	}

	user::World world;
	Owned<Worker> worker;
	std::string trace;
};

} // namespace dmsnap::test
