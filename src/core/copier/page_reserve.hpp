// SPDX-License-Identifier: GPL-2.0-only
/*
 * PageReserve: the pages used for copies.  A few are reserved for when memory is short.  More are
 * allocated while there is memory, up to a limit for this reserve and one for the whole module.
 * Returned pages are cached for a while, up to pages_kept: allocating a page costs more than the
 * copy if the kernel clears it first.
 *
 * Locking: none; one worker uses it.
 */
#pragma once

#include <cstddef>
#include <span>

#include <dmsnap/port/memory.h>

#include "base/error.hpp"

namespace dmsnap {

class PageReserve {
public:
	/* The most in use at a time: 8 MiB. */
	static constexpr size_t pages_max = 8 * 1024 * 1024 / DMSNAP_PAGE_SIZE;
	/* The most that all reserves together allocate beyond their reserved pages: 64 MiB. */
	static constexpr size_t module_pages_max = 64 * 1024 * 1024 / DMSNAP_PAGE_SIZE;
	/* Reserved: one page more than the longest list of pages (see Copier). */
	static constexpr size_t pages_reserved = 256 * 1024 / DMSNAP_PAGE_SIZE + 1;
	/* Cached, including the reserved ones: what 32 copies of 64 KiB return. */
	static constexpr size_t pages_kept = 2 * 1024 * 1024 / DMSNAP_PAGE_SIZE;

	PageReserve() = default;
	/* Every page must have been returned. */
	~PageReserve();
	PageReserve(const PageReserve &) = delete;
	PageReserve &operator=(const PageReserve &) = delete;

	/* Fills the reserve.  Context: process, may sleep. */
	Status fill();

	/*
	 * Takes up to @pages.size() pages, and returns how many.  With none in use it gets at
	 * least the reserved ones.  Does not sleep.
	 */
	size_t take(std::span<void *> pages);
	void give_back(std::span<void *const> pages);

	size_t out() const { return out_; }

	/* Are more pages cached than the reserved ones? trim() frees those. */
	bool keeps_any() const { return at_hand_ > pages_reserved; }
	void trim();

private:
	void *take_one();

	void *pages_[pages_kept] = {};
	size_t at_hand_ = 0;
	/* Pages in use. */
	size_t out_ = 0;
};

} // namespace dmsnap
