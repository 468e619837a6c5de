// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <functional>
#include <utility>

#include <gtest/gtest.h>

#include "base/worker.hpp"
#include "user/world.hpp"

namespace dmsnap::test {

/* Runs @body on the worker, and waits until it has run. */
inline void run_on(user::World &world, Worker &worker, std::function<void()> body)
{
	struct Job : Task {
		explicit Job(std::function<void()> f)
		    : Task([](Task &task) {
			      auto &job = static_cast<Job &>(task);
			      job.body();
			      job.ran = true;
		      }),
		      body(std::move(f))
		{
		}
		std::function<void()> body;
		bool ran = false;
	} job(std::move(body));
	worker.post(job);
	EXPECT_TRUE(world.run_until([&] { return job.ran; }));
}

} // namespace dmsnap::test
