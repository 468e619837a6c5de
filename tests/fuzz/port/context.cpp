// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/port/context.hpp"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace dmsnap::fuzz {

Context context;

void die(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	std::fputs("dmsnap: ", stderr);
	std::vfprintf(stderr, format, args);
	std::fputc('\n', stderr);
	va_end(args);
	std::abort();
}

} // namespace dmsnap::fuzz
