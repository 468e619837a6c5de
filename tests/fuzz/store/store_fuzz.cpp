// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile stores: a COW device with anything on it is loaded through the core.  It is
 * accepted or refused as Documentation/on-disk-format.rst says, the second time like the
 * first.  If it is refused, nothing was written and the log says why; if accepted, it is used
 * (session.hpp).  In any case the origin's writes succeed and hold what was
 * written, and all memory is freed.
 *
 *   input: the devices and their content (setup.cpp) | actions (session.cpp)
 */
#include <cstring>

#include "fuzz/check.hpp"
#include "fuzz/port/log.hpp"
#include "fuzz/store/session.hpp"

namespace dmsnap::fuzz {
namespace {

void check_refused(const Setup &setup, const Table &table, int error, const Listing &listing)
{
	FUZZ_CHECK(error == listing.error);
	FUZZ_CHECK(std::strcmp(table.error_text(), "Failed to read snapshot metadata") == 0);
	FUZZ_CHECK(setup.cow.writes() == 0);
	FUZZ_CHECK(log_counters.complaints > 0);
}

void run(Input &input)
{
	Machine &machine = Machine::instance();
	Setup setup(input, machine);
	Listing listing;
	listing.read(setup.cow, setup.where);

	for (int times = 0; times < 2; times++) {
		auto table = std::make_unique<Table>();
		log_counters = {};
		int error =
			table->load(TargetType::snapshot, setup.sectors, setup.argc, setup.argv);
		FUZZ_CHECK((error != 0) == (listing.kind == Listing::Kind::refused));
		if (!error) {
			FUZZ_CHECK(setup.cow.writes() == 0 || listing.kind == Listing::Kind::blank);
			Session(input, setup, machine, std::move(table), listing).run();
			break;
		}
		check_refused(setup, *table, error, listing);
	}
}

} // namespace
} // namespace dmsnap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	dmsnap::fuzz::Input input(data, bytes);
	dmsnap::fuzz::run(input);
	dmsnap::fuzz::Machine::instance().check_nothing_left();
	return 0;
}
