// SPDX-License-Identifier: GPL-2.0-only
/* sort(): sorts an array in place, without extra memory, in at most O(n log n). */
#pragma once

#include <cstddef>
#include <span>
#include <utility>

namespace dmsnap {

/* @less(a, b): a comes before b.  The order of equal values is unspecified. */
template <typename T, typename Less> void sort(std::span<T> array, Less &&less)
{
	size_t ordered = 1;
	while (ordered < array.size() && !less(array[ordered], array[ordered - 1]))
		ordered++;
	if (ordered >= array.size())
		return;

	/* Build a heap with the greatest value at its top, then move that to the end. */
	auto sink = [&](size_t at, size_t size) {
		for (size_t child = 2 * at + 1; child < size; at = child, child = 2 * at + 1) {
			if (child + 1 < size && less(array[child], array[child + 1]))
				child++;
			if (!less(array[at], array[child]))
				return;
			std::swap(array[at], array[child]);
		}
	};
	for (size_t at = array.size() / 2; at-- > 0;)
		sink(at, array.size());
	for (size_t size = array.size() - 1; size > 0; size--) {
		std::swap(array[0], array[size]);
		sink(0, size);
	}
}

} // namespace dmsnap
