// SPDX-License-Identifier: GPL-2.0-only
/* World::Process: a fiber, and what it waits for.  For the files of World only. */
#pragma once

#include <string>

#include "user/fiber.hpp"
#include "user/world.hpp"

namespace dmsnap::user {

struct World::Process {
	Fiber fiber;
	std::string name;
	/* While it waits. */
	const void *key = nullptr;
	const char *what = nullptr;
};

} // namespace dmsnap::user
