// SPDX-License-Identifier: GPL-2.0-only
#include "io/copied_map.hpp"
#include "base/min_max.hpp"

#include <new>

#include <dmsnap/port/memory.h>

namespace dmsnap {

namespace {

/* Bits [@begin, @end) of a word; 0 <= begin < end <= 64. */
constexpr uint64_t mask_of(unsigned int begin, unsigned int end)
{
	return (~uint64_t{0} >> (64 - (end - begin))) << begin;
}

/* Calls visit(word, mask) for each word that has bits of [@begin, @end), until it returns false. */
template <typename Visit> bool for_words(unsigned int begin, unsigned int end, Visit &&visit)
{
	constexpr unsigned int bits = 64;
	while (begin < end) {
		const unsigned int word = begin / bits;
		const unsigned int word_end = (word + 1) * bits < end ? (word + 1) * bits : end;
		if (!visit(word, mask_of(begin % bits, word_end - word * bits)))
			return false;
		begin = word_end;
	}
	return true;
}

} // namespace

CopiedMap::~CopiedMap()
{
	for (size_t i = 0; table_ && i < places; i++) {
		if (Word *bits = table_->at[i].bits.load_relaxed())
			dmsnap_port_page_free(bits);
	}
}

bool CopiedMap::holds(uint64_t sector, uint64_t end, uint64_t generation) const
{
	const uint64_t number = number_of(sector);
	if (number_of(end - 1) != number)
		return false;

	const Place &place = place_of(number);
	const uint64_t tag = tag_of(number, generation);
	if (place.tag.load_acquire() != tag)
		return false;
	const Word *bits = place.bits.load_acquire();
	/* clear() has just taken the page. */
	if (!bits)
		return false;
	const bool all = for_words(region_in_page(sector), region_in_page(end - 1) + 1,
				   [bits](unsigned int word, uint64_t mask) {
					   return (bits[word].load_relaxed() & mask) == mask;
				   });
	/*
	 * If the tag is unchanged, it was there all the time, and the bits were set after all
	 * snapshots were looked up.
	 */
	acquire_fence();
	return all && place.tag.load_relaxed() == tag;
}

void CopiedMap::put(uint64_t sector, uint64_t end, uint64_t generation)
{
	uint64_t begin = (sector + region_sectors - 1) & ~(region_sectors - 1);
	end &= ~(region_sectors - 1);

	while (begin < end) {
		const uint64_t number = number_of(begin);
		const uint64_t page_end = (number + 1) << page_shift;
		const uint64_t part_end = smaller(end, page_end);
		/* Once for each page, so that the lock is not held for long. */
		SpinGuard guard(lock_);
		Word *bits = page_for(number, generation);
		if (!bits)
			return;
		for_words(region_in_page(begin), region_in_page(part_end - 1) + 1,
			  [bits](unsigned int word, uint64_t mask) {
				  bits[word].store_release(bits[word].load_relaxed() | mask);
				  return true;
			  });
		begin = part_end;
	}
}

/*
 * Returns nullptr if another page has the place, there is no memory, or the generation has ended.
 */
CopiedMap::Word *CopiedMap::page_for(uint64_t number, uint64_t generation)
{
	if (generation != generation_.load_relaxed())
		return nullptr;

	Place &place = place_of(number);
	const uint64_t tag = tag_of(number, generation);
	const uint64_t found = place.tag.load_relaxed();
	Word *bits = place.bits.load_relaxed();
	if (found == tag)
		return bits;
	if (found != 0 && found >> number_bits == tag >> number_bits)
		return nullptr;
	if (!bits) {
		void *page = dmsnap_port_page_alloc(DMSNAP_ALLOC_NOWAIT);
		if (!page)
			return nullptr;
		bits = new (page) Word[words];
		place.bits.store_release(bits);
		pages_.add(1);
	} else {
		place.tag.store_relaxed(0);
		/* A reader that sees a bit of the new page also sees that the tag has changed. */
		release_fence();
		for (size_t i = 0; i < words; i++)
			bits[i].store_relaxed(0);
	}
	place.tag.store_release(tag);
	return bits;
}

void CopiedMap::forget()
{
	SpinGuard guard(lock_);
	const uint64_t next = generation_.load_relaxed() + 1;
	if (next % generations == 0) {
		/*
		 * A tag has only the lower bits of the generation: none from the last cycle may
		 * be left.
		 */
		for (Place &place : table_->at)
			place.tag.store_relaxed(0);
	}
	generation_.store_seq_cst(next);
}

void CopiedMap::clear()
{
	Word *freed = nullptr;
	{
		SpinGuard guard(lock_);
		for (Place &place : table_->at) {
			Word *bits = place.bits.load_relaxed();
			if (!bits)
				continue;
			place.tag.store_relaxed(0);
			/* As in page_for(): no reader trusts the page's contents from now on. */
			release_fence();
			bits->store_relaxed(reinterpret_cast<uintptr_t>(freed));
			freed = bits;
			place.bits.store_relaxed(nullptr);
		}
		pages_.store_relaxed(0);
	}
	if (!freed)
		return;
	/* Readers that found the tag may still be looking at the bits. */
	dmsnap_port_rcu_synchronize();
	while (Word *bits = freed) {
		freed = reinterpret_cast<Word *>(bits->load_relaxed());
		dmsnap_port_page_free(bits);
	}
}

} // namespace dmsnap
