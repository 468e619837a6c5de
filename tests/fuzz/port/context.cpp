// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/port/context.hpp"

#include <string>

namespace dmsnap::fuzz {

bool on_worker = false;

} // namespace dmsnap::fuzz

/* There is no world.  port_log.cpp counts what the core logs. */
std::string dmsnap::user::log_of_world()
{
	return {};
}
