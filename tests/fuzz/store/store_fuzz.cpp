// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hostile stores.  The core loads a COW device with any contents, and accepts or refuses it as
 * Documentation/on-disk-format.rst says; a second load gives the same result.  A refused store is
 * not written to, and the log says why.  An accepted one is used (session.hpp).  Writes to the
 * origin always succeed and hold what was written, and all memory is freed.
 *
 *   input: the devices and their contents (setup.cpp) | actions (session.cpp)
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
