// SPDX-License-Identifier: GPL-2.0-only
/* The words of a table line: see table_line.hpp. */
#include "table/table_line.hpp"

#include <limits>

namespace dmsnap {

namespace {

constexpr unsigned int features_max = 3;
/* Of the in-tree driver. */
constexpr unsigned int in_tree_features_max = 2;
constexpr const char *stall_on_full = "stall_on_full";
constexpr const char *no_stall_on_full = "no_stall_on_full";

constexpr bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Like the kernel's isspace(), which is for Latin-1: 0xa0 is a no-break space. */
constexpr bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == '\xa0';
}

constexpr char to_upper(char c)
{
	return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

bool equal_in_any_case(const char *a, const char *b)
{
	while (*a && to_upper(*a) == to_upper(*b)) {
		a++;
		b++;
	}
	return to_upper(*a) == to_upper(*b);
}

/* Parses the count as parse_features() describes.  Returns false if @word is no such number. */
bool parse_count(const char *word, uint32_t &count)
{
	while (is_space(*word))
		word++;
	if (!is_digit(*word))
		return false;
	count = 0;
	for (; is_digit(*word); word++)
		count = count * 10 + static_cast<uint32_t>(*word - '0');
	return *word == '\0';
}

} // namespace

std::expected<Features, const char *> parse_features(unsigned int argc, const char *const *argv)
{
	Features features;

	if (argc < table_word::features)
		return std::unexpected("requires 4 or more arguments");
	if (argc == table_word::features)
		return features;

	uint32_t count;
	if (!parse_count(argv[table_word::features], count) || count > features_max ||
	    count > argc - table_word::features - 1)
		return std::unexpected("Invalid number of feature arguments");

	const char *const *name = argv + table_word::features + 1;
	bool too_many = count > in_tree_features_max;
	for (uint32_t i = 0; i < count; i++)
		too_many &= !equal_in_any_case(name[i], stall_on_full) &&
			    !equal_in_any_case(name[i], no_stall_on_full);
	if (too_many)
		return std::unexpected("Invalid number of feature arguments");

	for (; count > 0; count--, name++) {
		if (equal_in_any_case(*name, "discard_zeroes_cow"))
			features.discard_zeroes_cow = true;
		else if (equal_in_any_case(*name, "discard_passdown_origin"))
			features.discard_passdown_origin = true;
		else if (equal_in_any_case(*name, stall_on_full))
			features.stall_on_full = true;
		else if (equal_in_any_case(*name, no_stall_on_full))
			features.no_stall_on_full = true;
		else
			return std::unexpected("Unrecognised feature requested");
	}

	if (features.discard_passdown_origin && !features.discard_zeroes_cow)
		return std::unexpected(
			"discard_passdown_origin feature depends on discard_zeroes_cow");
	if (features.stall_on_full && features.no_stall_on_full)
		return std::unexpected("stall_on_full and no_stall_on_full exclude each other");
	return features;
}

Result<uint32_t> parse_chunk_sectors(const char *word)
{
	if (*word == '+')
		word++;
	if (!is_digit(*word))
		return fail(Error::chunk_size_not_a_number);

	uint64_t sectors = 0;
	for (; is_digit(*word); word++) {
		sectors = sectors * 10 + static_cast<uint64_t>(*word - '0');
		if (sectors > std::numeric_limits<uint32_t>::max())
			return fail(Error::chunk_size_not_a_number);
	}

	if (*word == '\n')
		word++;
	if (*word != '\0')
		return fail(Error::chunk_size_not_a_number);
	return static_cast<uint32_t>(sectors);
}

Result<StoreArgs> parse_store(const char *type_word, const char *chunk_word,
			      const format::BlockSizes &blocks)
{
	StoreArgs args;

	switch (to_upper(type_word[0])) {
	case 'P':
		args.type = StoreType::persistent;
		break;
	case 'N':
		args.type = StoreType::transient;
		break;
	default:
		return fail(Error::store_type_unknown);
	}

	args.chunk_sectors = DMSNAP_TRY(parse_chunk_sectors(chunk_word));
	if (args.chunk_sectors != 0)
		DMSNAP_CHECK(format::check_chunk_size(args.chunk_sectors, blocks));

	if (args.type == StoreType::persistent && type_word[1] != '\0') {
		if (to_upper(type_word[1]) != 'O')
			return fail(Error::store_option_unknown);
		args.overflow = true;
	}
	return args;
}

} // namespace dmsnap
