// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log part of the port: lines are kept in the world, warnings are failures.
 */
#include <dmsnap/port/log.h>

#include <cstdarg>
#include <cstdio>
#include <string>
#include <string_view>

#include "user/context.hpp"
#include "user/failure.hpp"
#include "user/target.hpp"
#include "user/world.hpp"

using namespace dmsnap::user;

namespace {

/* As the kernel's %pE; its isprint() has Latin-1. */
std::string escaped(std::string_view text)
{
	constexpr std::string_view special = "\n\r\t\v\f\a\x1b", names = "nrtvfae";
	std::string shown;
	for (char c : text) {
		auto byte = static_cast<unsigned char>(c);
		size_t at = special.find(c);
		if ((byte >= 0x20 && byte < 0x7f) || byte >= 0xa0) {
			shown += c;
		} else if (at != std::string_view::npos) {
			shown += {'\\', names[at]};
		} else {
			char octal[5];
			std::snprintf(octal, sizeof(octal), "\\%03o", byte);
			shown += octal;
		}
	}
	return shown;
}

} // namespace

void dmsnap_port_log(enum dmsnap_log_level level, const char *format, ...)
{
	constexpr const char *names[] = {"error", "warning", "info"};
	char line[DMSNAP_LOG_BYTES];
	va_list args;
	va_start(args, format);
	std::vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (World *world = World::find())
		world->add_log(std::string(names[level]) + ": " + escaped(line));
}

void dmsnap_port_target_event(dmsnap_target *target, dmsnap_target_event event)
{
	check_may_sleep(__func__);
	World::preempt();
	target->events++;
	target->invalid |= event == DMSNAP_EVENT_INVALID;
}

void dmsnap_port_trace(const dmsnap_trace *trace)
{
	World *world = World::find();
	if (world && world->on_trace)
		world->on_trace(*trace);
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

unsigned int dmsnap_port_copy_ahead()
{
	World *world = World::find();
	return world ? world->copy_ahead : 0;
}

bool dmsnap_port_origin_discards()
{
	World *world = World::find();
	return !world || world->origin_discards;
}

unsigned int dmsnap_port_no_space_timeout()
{
	World *world = World::find();
	return world ? world->no_space_timeout : 0;
}

bool dmsnap_port_stall_on_full()
{
	World *world = World::find();
	return world && world->stall_on_full;
}

unsigned int dmsnap_port_low_water()
{
	World *world = World::find();
	return world ? world->low_water : 0;
}

bool dmsnap_port_refuse_bad_store()
{
	World *world = World::find();
	return world && world->refuse_bad_store;
}

void dmsnap_port_warn(const char *what, const char *file, int line)
{
	report_failure("%s:%d: assertion failed: %s", file, line, what);
}
