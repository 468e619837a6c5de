// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/port/machine.hpp"

#include <malloc.h>

#include "fuzz/port/context.hpp"
#include "fuzz/port/crank.hpp"
#include "fuzz/port/memory.hpp"

namespace dmsnap::fuzz {

Machine &Machine::instance()
{
	static auto *machine = new Machine;
	return *machine;
}

Machine::Machine()
{
	/* Every input allocates and frees large blocks; do not return them to the system. */
	mallopt(M_MMAP_THRESHOLD, 64 << 20);
	mallopt(M_TRIM_THRESHOLD, 256 << 20);

	char origin_word_of_line[] = "252:0";
	char cow_word_of_line[] = "252:1";
	char type[] = "N";
	char chunk_size[] = "8";
	char *words[] = {origin_word_of_line, cow_word_of_line, type, chunk_size};
	plug_in(origin_);
	plug_in(zeros_);
	origin_.reset(64, 1);
	zeros_.reset(64, 1);
	if (dmsnap_core_init() || origin_target_.load(TargetType::origin, 64, 1, words) ||
	    origin_target_.resume())
		die("the machine does not start");
	/* The first snapshot allocates memory that stays for the others. */
	Table first;
	if (first.load(TargetType::snapshot, 64, 4, words))
		die("the machine takes no snapshot: %s", first.error_text());
	first.remove();
	crank.run_until_idle();
	objects_ = memory.objects_out;
	pages_ = memory.pages_out;
}

Device &Machine::use_cow(bool of_noise)
{
	Device &cow = of_noise ? noise_ : zeros_;
	plug_in(cow);
	return cow;
}

void Machine::check_nothing_left()
{
	crank.run_until_idle();
	if (memory.objects_out != objects_ || memory.pages_out != pages_)
		die("memory leaked: %zu objects and %zu pages, %zu and %zu before",
		    memory.objects_out, memory.pages_out, objects_, pages_);
}

} // namespace dmsnap::fuzz
