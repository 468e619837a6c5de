// SPDX-License-Identifier: GPL-2.0-only
/*
 * sort_by_old_chunk(): sorts the exceptions of a store by origin chunk.  It is a radix sort: it
 * makes a few passes, however many exceptions there are, and needs as much memory again as they
 * take.
 *
 * Context: process, may sleep.  Construction only.
 */
#pragma once

#include <cstdint>

#include "base/chunk.hpp"
#include "base/error.hpp"
#include "base/own.hpp"
#include "base/paged_array.hpp"

namespace dmsnap {

/* An exception whose two numbers have 32 bits, as almost all have. */
struct ShortEntry {
	static constexpr uint64_t limit = uint64_t{1} << 32;

	ShortEntry(OldChunk old_chunk, NewChunk new_chunk)
	    : bits(old_chunk.value << 32 | new_chunk.value)
	{
	}
	OldChunk old_chunk() const { return {bits >> 32}; }
	NewChunk new_chunk() const { return {bits & (limit - 1)}; }

	uint64_t bits;
};

struct LongEntry {
	LongEntry(OldChunk old_chunk, NewChunk new_chunk) : old_(old_chunk), new_(new_chunk) {}
	OldChunk old_chunk() const { return old_; }
	NewChunk new_chunk() const { return new_; }

	OldChunk old_;
	NewChunk new_;
};

namespace detail {

template <typename Entry> bool is_sorted(const PagedArray<Entry> &entries)
{
	OldChunk last{};
	for (size_t page = 0; page < entries.pages(); page++) {
		for (const Entry &entry : entries.page(page)) {
			if (entry.old_chunk() < last)
				return false;
			last = entry.old_chunk();
		}
	}
	return true;
}

/* A stable sort by the given bits of the chunk number. */
template <typename Entry>
void sort_by_digit(const PagedArray<Entry> &from, PagedArray<Entry> &to, size_t *places,
		   unsigned int shift, uint64_t mask)
{
	__builtin_memset(places, 0, (mask + 1) * sizeof(*places));
	for (size_t page = 0; page < from.pages(); page++) {
		for (const Entry &entry : from.page(page))
			places[entry.old_chunk().value >> shift & mask]++;
	}
	size_t begin = 0;
	for (uint64_t digit = 0; digit <= mask; digit++)
		begin += std::exchange(places[digit], begin);
	for (size_t page = 0; page < from.pages(); page++) {
		for (const Entry &entry : from.page(page))
			to[places[entry.old_chunk().value >> shift & mask]++] = entry;
	}
}

} // namespace detail

/*
 * Stable: two exceptions for one chunk keep their order.
 * @old_limit: > all origin chunks
 * Errors: no_memory.
 */
template <typename Entry> Status sort_by_old_chunk(PagedArray<Entry> &entries, uint64_t old_limit)
{
	constexpr unsigned int digit_bits_max = 12;

	if (detail::is_sorted(entries))
		return {};
	/* Two differ, so the limit is 2 at least. */
	const unsigned int bits = 64 - static_cast<unsigned int>(__builtin_clzll(old_limit - 1));
	const unsigned int digits = (bits + digit_bits_max - 1) / digit_bits_max;
	const unsigned int digit_bits = (bits + digits - 1) / digits;
	const uint64_t mask = (uint64_t{1} << digit_bits) - 1;

	auto places = DMSNAP_TRY(OwnedArray<size_t>::create(mask + 1));
	PagedArray<Entry> other;
	DMSNAP_CHECK(other.make(entries.size()));
	for (unsigned int digit = 0; digit < digits; digit++) {
		detail::sort_by_digit(entries, other, places.data(), digit * digit_bits, mask);
		entries.swap(other);
	}
	return {};
}

} // namespace dmsnap
