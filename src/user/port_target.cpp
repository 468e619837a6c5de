// SPDX-License-Identifier: GPL-2.0-only
/*
 * What of the log part of the port needs no world: formatting, and what a target is.
 */
#include <dmsnap/port/log.h>

#include <cstdarg>
#include <cstdio>

#include "user/target.hpp"

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
