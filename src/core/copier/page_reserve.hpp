// SPDX-License-Identifier: GPL-2.0-only
/*
 * PageReserve: the pages that copies are made through.  A few are always there, for
 * when memory is short; more are taken while there is memory, up to a cap for
 * this reserve and one for the whole module.  What comes back is kept for a while,
 * up to pages_kept: a page from the system costs more than the copy when the
 * kernel clears it first.
 *
 * Locking: none; one worker uses it.
 */
#pragma once

#include <cstddef>
#include <span>

#include "base/error.hpp"

namespace dmsnap {

class PageReserve {
public:
	/* Out at a time: 8 MiB. */
	static constexpr size_t pages_max = 2048;
	/* All reserves have so many from the system beyond their own: 64 MiB. */
	static constexpr size_t module_pages_max = 16384;
	/* Its own: one page more than the longest list of pages (see Copier). */
	static constexpr size_t pages_reserved = 65;
	/* At hand, the reserve included: what 32 copies of 64 KiB give back. */
	static constexpr size_t pages_kept = 512;

	PageReserve() = default;
	/* Every page must be back. */
	~PageReserve();
	PageReserve(const PageReserve &) = delete;
	PageReserve &operator=(const PageReserve &) = delete;

	/* Fills the reserve.  Context: process, may sleep. */
	Status fill();

	/*
	 * Takes up to @pages.size() pages; returns how many.  With none out it
	 * is at least as many as are its own, for all of them are at hand then.
	 * Does not sleep.
	 */
	size_t take(std::span<void *> pages);
	void give_back(std::span<void *const> pages);

	size_t out() const { return out_; }

	/* Is there more at hand than the reserve?  Gives that back to the system. */
	bool keeps_any() const { return at_hand_ > pages_reserved; }
	void trim();

private:
	void *take_one();

	void *pages_[pages_kept] = {};
	size_t at_hand_ = 0;
	/* Handed out and not back. */
	size_t out_ = 0;
};

} // namespace dmsnap
