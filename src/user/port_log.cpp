// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log part of the port: lines are kept in the world, warnings are failures.
 */
#include <dmsnap/port/log.h>

#include <cstdarg>
#include <cstdio>
#include <string>

#include "user/context.hpp"
#include "user/failure.hpp"
#include "user/target.hpp"
#include "user/world.hpp"

using namespace dmsnap::user;

void dmsnap_port_log(enum dmsnap_log_level level, const char *format, ...)
{
	constexpr const char *names[] = {"error", "warning", "info"};
	char line[512];
	va_list args;
	va_start(args, format);
	std::vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (World *world = World::find())
		world->add_log(std::string(names[level]) + ": " + line);
}

size_t dmsnap_port_format(char *buffer, size_t bytes, const char *format, ...)
{
	if (bytes == 0)
		return 0;
	va_list args;
	va_start(args, format);
	int length = std::vsnprintf(buffer, bytes, format, args);
	va_end(args);
	auto wanted = static_cast<size_t>(length);
	return wanted < bytes ? wanted : bytes - 1;
}

void dmsnap_port_target_event(dmsnap_target *target)
{
	check_may_sleep(__func__);
	target->events++;
}

uint64_t dmsnap_port_target_sectors(const dmsnap_target *target)
{
	return target->sectors;
}

uint64_t dmsnap_port_target_end(const dmsnap_target *target)
{
	return target->sectors;
}

bool dmsnap_port_target_suspended(const dmsnap_target *target)
{
	return target->suspended && *target->suspended;
}

unsigned int dmsnap_port_cow_threshold()
{
	World *world = World::find();
	return world ? world->cow_threshold : 0;
}

unsigned int dmsnap_port_copy_throttle()
{
	World *world = World::find();
	return world ? world->copy_throttle : 100;
}

void dmsnap_port_warn(const char *what, const char *file, int line)
{
	report_failure("%s:%d: broken promise: %s", file, line, what);
}
