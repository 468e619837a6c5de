// SPDX-License-Identifier: GPL-2.0-only
#include "table/table_line.hpp"

#include "kunit/core/cases.hpp"

using namespace dmsnap;

namespace {

constexpr format::BlockSizes blocks{.origin_sectors = 1, .cow_sectors = 1};

struct Line {
	const char *type;
	const char *chunk;
	bool good;
	StoreType store;
	bool overflow;
	uint32_t chunk_sectors;
};

constexpr Line lines[] = {
	{"P", "16", true, StoreType::persistent, false, 16},
	{"PO", "8", true, StoreType::persistent, true, 8},
	{"n", "0", true, StoreType::transient, false, 0},
	{"N", "2097152", true, StoreType::transient, false, 2097152},
	{"X", "16", false, {}, false, 0},
	{"PX", "16", false, {}, false, 0},
	{"P", "15", false, {}, false, 0},
	{"P", "", false, {}, false, 0},
	{"P", "-8", false, {}, false, 0},
	{"P", "8 ", false, {}, false, 0},
	{"P", "4294967304", false, {}, false, 0},
	{"P", "4194304", false, {}, false, 0},
};

} // namespace

void dmsnap_case_table_lines_are_read_and_refused(const dmsnap_case &run)
{
	for (const Line &line : lines) {
		const auto args = parse_store(line.type, line.chunk, blocks);
		if (!CHECK_EQ(run, args.has_value(), line.good) || !line.good)
			continue;
		CHECK(run, args->type == line.store);
		CHECK_EQ(run, args->overflow, line.overflow);
		CHECK_EQ(run, args->chunk_sectors, line.chunk_sectors);
	}
	const char *words[] = {
		"254:0", "254:1", "P", "16", "2", "discard_zeroes_cow", "discard_passdown_origin"};
	const auto both = parse_features(7, words);
	CHECK(run, both && both->discard_zeroes_cow && both->discard_passdown_origin);
	CHECK(run, !parse_features(3, words));
	words[4] = "1";
	const auto one = parse_features(6, words);
	CHECK(run, one && one->discard_zeroes_cow && !one->discard_passdown_origin);
	words[5] = "nonsense";
	CHECK(run, !parse_features(6, words));
}
