// SPDX-License-Identifier: GPL-2.0-only
#include "copier/page_reserve.hpp"

#include <dmsnap/port/memory.h>

#include "base/assert.hpp"
#include "base/atomic.hpp"

namespace dmsnap {

namespace {

/* Pages that all reserves together have allocated beyond their reserved ones. */
constinit Atomic<size_t> module_pages;

} // namespace

PageReserve::~PageReserve()
{
	DMSNAP_ASSERT(out_ == 0);
	trim();
	while (at_hand_ > 0)
		dmsnap_port_page_free(pages_[--at_hand_]);
}

Status PageReserve::fill()
{
	while (at_hand_ < pages_reserved) {
		void *page = dmsnap_port_page_alloc(DMSNAP_ALLOC_CONSTRUCT);
		if (!page)
			return fail(Error::no_memory);
		pages_[at_hand_++] = page;
	}
	return {};
}

void *PageReserve::take_one()
{
	if (at_hand_ > 0)
		return pages_[--at_hand_];
	if (out_ >= pages_max || module_pages.load_relaxed() >= module_pages_max)
		return nullptr;
	void *page = dmsnap_port_page_alloc(DMSNAP_ALLOC_NOWAIT);
	if (page)
		module_pages.add(1);
	return page;
}

size_t PageReserve::take(std::span<void *> pages)
{
	size_t taken = 0;
	while (taken < pages.size()) {
		void *page = take_one();
		if (!page)
			break;
		pages[taken++] = page;
		out_++;
	}
	return taken;
}

void PageReserve::give_back(std::span<void *const> pages)
{
	for (void *page : pages) {
		if (at_hand_ < pages_kept) {
			pages_[at_hand_++] = page;
			continue;
		}
		dmsnap_port_page_free(page);
		module_pages.sub(1);
	}
	out_ -= pages.size();
}

void PageReserve::trim()
{
	while (keeps_any()) {
		dmsnap_port_page_free(pages_[--at_hand_]);
		module_pages.sub(1);
	}
}

} // namespace dmsnap
