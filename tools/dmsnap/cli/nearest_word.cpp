// SPDX-License-Identifier: GPL-2.0-only
#include "cli/nearest_word.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace dmsnap::tool {
namespace {

/* How many letters to insert, delete or replace (Levenshtein distance). */
size_t distance(std::string_view one, std::string_view other)
{
	std::vector<size_t> row(other.size() + 1);
	std::iota(row.begin(), row.end(), size_t{0});
	for (size_t i = 0; i < one.size(); i++) {
		size_t diagonal = std::exchange(row[0], i + 1);
		for (size_t j = 0; j < other.size(); j++) {
			size_t changed = diagonal + (one[i] != other[j]);
			diagonal = row[j + 1];
			row[j + 1] = std::min({changed, row[j] + 1, diagonal + 1});
		}
	}
	return row.back();
}

} // namespace

std::string nearest_word(std::string_view word, const std::vector<std::string> &words)
{
	/* At least half of the letters must match. */
	size_t best = word.size() / 2 + 1;
	std::string nearest;
	for (const std::string &one : words) {
		size_t changes = distance(word, one);
		if (changes < best) {
			best = changes;
			nearest = one;
		}
	}
	return nearest;
}

} // namespace dmsnap::tool
