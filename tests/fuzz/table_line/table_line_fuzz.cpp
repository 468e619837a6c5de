// SPDX-License-Identifier: GPL-2.0-only
/*
 * Table lines of the three targets.  The words go through the parser, whose result is computed here
 * a second time, and through the constructors.  The words that an accepted table reports, as
 * `dmsetup table` shows them, are accepted again and mean the same.  A refusal has a text.
 *
 *   input: target, block sizes | words, each up to a zero byte
 */
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <strings.h>
#include <vector>

#include "fuzz/check.hpp"
#include "fuzz/input.hpp"
#include "fuzz/port/machine.hpp"
#include "fuzz/words.hpp"
#include "table/status_line.hpp"
#include "table/table_line.hpp"

namespace dmsnap::fuzz {
namespace {

/* What the words mean. */
struct Meaning {
	Features features;
	StoreArgs store;
};

/* A number of digits alone; a value above @most is not exact. */
std::optional<uint64_t> digits(std::string_view word, uint64_t most)
{
	uint64_t value = 0;
	if (word.empty())
		return {};
	for (char c : word) {
		if (c < '0' || c > '9')
			return {};
		value = value * 10 + static_cast<uint64_t>(c - '0');
		if (value > most)
			value = most;
	}
	return value;
}

std::optional<Features> features_of(const Words &words)
{
	Features features;
	if (words.count() < 4)
		return {};
	if (words.count() == 4)
		return features;

	std::string_view number = words[4];
	while (!number.empty() && std::strchr(" \t\n\v\f\r\xa0", number[0]))
		number.remove_prefix(1);
	uint32_t count = 0;
	if (number.empty() || number.find_first_not_of("0123456789") != number.npos)
		return {};
	/* Numbers of more than 32 bits wrap around. */
	for (char c : number)
		count = count * 10u + static_cast<uint32_t>(c - '0');
	if (count > 3 || words.count() < 5 + count)
		return {};
	for (uint32_t i = 5; i < 5 + count; i++) {
		if (strcasecmp(words[i], "discard_zeroes_cow") == 0)
			features.discard_zeroes_cow = true;
		else if (strcasecmp(words[i], "discard_passdown_origin") == 0)
			features.discard_passdown_origin = true;
		else if (strcasecmp(words[i], "stall_on_full") == 0)
			features.stall_on_full = true;
		else if (strcasecmp(words[i], "no_stall_on_full") == 0)
			features.no_stall_on_full = true;
		else
			return {};
	}
	if (count == 3 && !features.stall_on_full && !features.no_stall_on_full)
		return {};
	if (features.stall_on_full && features.no_stall_on_full)
		return {};
	if (features.discard_passdown_origin && !features.discard_zeroes_cow)
		return {};
	return features;
}

std::optional<StoreArgs> store_of(const Words &words, const format::BlockSizes &blocks)
{
	StoreArgs store;
	std::string_view type = words[2];
	std::string_view size = words[3];

	if (type.starts_with('P') || type.starts_with('p')) {
		store.overflow = type.size() > 1;
		if (store.overflow && type[1] != 'O' && type[1] != 'o')
			return {};
	} else if (type.starts_with('N') || type.starts_with('n')) {
		store.type = StoreType::transient;
	} else {
		return {};
	}
	if (size.starts_with('+'))
		size.remove_prefix(1);
	if (size.ends_with('\n'))
		size.remove_suffix(1);
	auto sectors = digits(size, uint64_t{1} << 32);
	if (!sectors || *sectors > 1u << 21 || (*sectors & (*sectors - 1)) != 0 ||
	    *sectors % blocks.origin_sectors || *sectors % blocks.cow_sectors)
		return {};
	store.chunk_sectors = static_cast<uint32_t>(*sectors);
	return store;
}

constexpr DeviceNames devices{Machine::origin_name, Machine::cow_name};

bool same(const StoreArgs &a, const StoreArgs &b)
{
	return a.type == b.type && a.overflow == b.overflow && a.chunk_sectors == b.chunk_sectors;
}

bool same(const Features &a, const Features &b)
{
	return a.discard_zeroes_cow == b.discard_zeroes_cow &&
	       a.discard_passdown_origin == b.discard_passdown_origin &&
	       a.stall_on_full == b.stall_on_full && a.no_stall_on_full == b.no_stall_on_full;
}

/* The parser's result; empty if it refuses the words. */
std::optional<Meaning> check_parser(const Words &words, const format::BlockSizes &blocks)
{
	auto features = parse_features(words.count(), words.argv());
	auto expected_features = features_of(words);
	FUZZ_CHECK(features.has_value() == expected_features.has_value());
	if (!features) {
		FUZZ_CHECK(features.error() && features.error()[0]);
		return {};
	}
	FUZZ_CHECK(same(*features, *expected_features));

	auto store =
		parse_store(words[table_word::store_type], words[table_word::chunk_size], blocks);
	auto expected_store = store_of(words, blocks);
	FUZZ_CHECK(store.has_value() == expected_store.has_value());
	if (!store) {
		FUZZ_CHECK(to_errno(store.error()) == -EINVAL && to_text(store.error())[0]);
		return {};
	}
	FUZZ_CHECK(same(*store, *expected_store));
	return Meaning{*features, *store};
}

/* The printed words mean the same when they are parsed again. */
void check_printed(const Meaning &meaning, const format::BlockSizes &blocks)
{
	char line[128];
	size_t length = format_table(line, devices, meaning.store, meaning.features);
	FUZZ_CHECK(length == std::strlen(line) && length < sizeof(line) - 1);
	Words words(std::string_view{line});
	auto again = check_parser(words, blocks);
	FUZZ_CHECK(again.has_value());
	FUZZ_CHECK(same(again->store, meaning.store));
	FUZZ_CHECK(same(again->features, meaning.features));

	/* The text is cut off in a smaller buffer. */
	char part[20];
	size_t cut = format_table(part, devices, meaning.store, meaning.features);
	FUZZ_CHECK(cut == std::min(length, sizeof(part) - 1));
	FUZZ_CHECK(std::memcmp(part, line, cut) == 0 && part[cut] == '\0');
}

void check_constructor(TargetType type, Words &words, const std::optional<Meaning> &meaning)
{
	Machine &machine = Machine::instance();
	{
		Table table;
		int error =
			table.load(type, machine.origin().sectors(), words.count(), words.argv());
		if (error) {
			FUZZ_CHECK(table.error_text() && table.error_text()[0]);
		} else if (type == TargetType::origin) {
			FUZZ_CHECK(words.count() == 1 && find_device(words[0]));
			FUZZ_CHECK(table.status(DMSNAP_STATUS_TABLE) == words[0]);
		} else {
			FUZZ_CHECK(meaning.has_value());
			std::string shown(table.status(DMSNAP_STATUS_TABLE));
			table.remove();
			Words again{std::string_view(shown)};
			error = table.load(type, machine.origin().sectors(), again.count(),
					   again.argv());
			FUZZ_CHECK(error == 0);
			FUZZ_CHECK(table.status(DMSNAP_STATUS_TABLE) == shown);
		}
		/* If the parser accepts the words, only a device can be wrong. */
		if (error && meaning && type == TargetType::snapshot &&
		    meaning->store.type == StoreType::transient && meaning->store.chunk_sectors)
			FUZZ_CHECK(meaning->features.stall_on_full || !find_device(words[0]) ||
				   !find_device(words[1]) ||
				   find_device(words[0]) == find_device(words[1]));
	}
	machine.check_nothing_left();
}

} // namespace
} // namespace dmsnap::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	using namespace dmsnap::fuzz;
	Input input(data, bytes);
	Machine &machine = Machine::instance();
	uint8_t choice = input.byte();
	uint8_t size = input.byte();

	dmsnap::format::BlockSizes blocks{1u << choice / 4 % 4, 1u << choice / 16 % 4};
	machine.origin().reset(64 + size % 16 * 8, blocks.origin_sectors);
	machine.use_cow(false).reset(size * uint64_t{8}, blocks.cow_sectors);
	Words words(input.rest());

	auto meaning = check_parser(words, blocks);
	if (meaning)
		check_printed(*meaning, blocks);
	constexpr TargetType types[] = {TargetType::snapshot, TargetType::merge,
					TargetType::origin};
	if (choice % 4 < 3)
		check_constructor(types[choice % 4], words, meaning);
	return 0;
}
