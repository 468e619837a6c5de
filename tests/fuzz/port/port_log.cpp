// SPDX-License-Identifier: GPL-2.0-only
/*
 * The port's log.  Lines are formatted, so that their arguments are read, then counted and dropped.
 * The rest is in src/user/port_target.cpp.
 */
#include <dmsnap/port/log.h>
#include <dmsnap/port/trace.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "fuzz/port/context.hpp"
#include "fuzz/port/log.hpp"
#include "user/target.hpp"

using namespace dmsnap::fuzz;

namespace dmsnap::fuzz {

LogCounters log_counters;

} // namespace dmsnap::fuzz

void dmsnap_port_log(dmsnap_log_level level, const char *format, ...)
{
	static const bool loud = std::getenv("DMSNAP_LOG") != nullptr;
	char line[512];
	va_list args;
	va_start(args, format);
	std::vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (level != DMSNAP_LOG_INFO)
		log_counters.complaints++;
	if (loud)
		std::fprintf(stderr, "log: %s\n", line);
}

void dmsnap_port_target_event(dmsnap_target *target, dmsnap_target_event)
{
	check_may_sleep(__func__);
	target->events++;
}

void dmsnap_port_trace(const dmsnap_trace *)
{
}

unsigned int dmsnap_port_cow_threshold()
{
	return 0;
}

unsigned int dmsnap_port_copy_throttle()
{
	return 100;
}

unsigned int dmsnap_port_no_space_timeout()
{
	return 60;
}

bool dmsnap_port_stall_on_full()
{
	return false;
}

bool dmsnap_port_origin_discards()
{
	return true;
}

unsigned int dmsnap_port_copy_ahead()
{
	return 1024;
}

unsigned int dmsnap_port_low_water()
{
	return 0;
}

bool dmsnap_port_refuse_bad_store()
{
	return true;
}

void dmsnap_port_warn(const char *what, const char *file, int line)
{
	die("%s:%d: assertion failed: %s", file, line, what);
}
