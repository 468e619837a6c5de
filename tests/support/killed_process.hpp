// SPDX-License-Identifier: GPL-2.0-only
#pragma once

#include <functional>

#include <gtest/gtest.h>

#include "user/world.hpp"

namespace dmsnap::test {

/* Calls @body in a process that waits in it and is then killed.  Returns its result. */
inline int result_of_killed(user::World &world, const char *name, const std::function<int()> &body)
{
	int result = 0;
	bool ended = false;
	world.spawn(name, [&] {
		result = body();
		ended = true;
	});
	world.run_for(3'000'000'000);
	EXPECT_FALSE(ended);
	world.kill(name);
	world.settle();
	EXPECT_TRUE(ended);
	return result;
}

} // namespace dmsnap::test
