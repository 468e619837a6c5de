// SPDX-License-Identifier: GPL-2.0-only
/* Copier: windows whose read failed.  Each destination's part is read again: see Window. */
#include "copier/copier.hpp"

namespace dmsnap {

void Copier::read_failed(Window &window)
{
	bool divided = false;

	for (CopyDestination *at = window.first; at; at = window.after(*at)) {
		if (part_of(window, *at).empty())
			continue;
		leave_share(window, *at);
		if (wants_less(window.all(), *at) && !window.job.all_or_none) {
			if (!std::exchange(divided, true)) {
				window.rest = at;
				window.rest_of = window.all();
			}
			continue;
		}
		at->read_failed = true;
		part_ended(*at, part_of(window, *at).sectors(), window.read_error);
	}
	/* What was divided still needs the source. */
	if (!divided)
		window_read(window);
	end_window(window);
}

/*
 * The rest counts as a read of the job, so that the source stays open.  That count passes to @next,
 * and the rest that then remains gets another.
 */
void Copier::make_next(Window &window, Window &next)
{
	const Part whole = window.rest_of;
	CopyDestination *at = window.rest;
	const Part part = shared_part_of(whole, *at);
	auto &destinations = window.job.destinations;

	next.offset = part.begin;
	next.sectors = static_cast<uint32_t>(part.sectors());
	next.page_count = 0;
	next.first = at;
	do
		at = destinations.next(*at);
	while (at && (shared_part_of(whole, *at).empty() || shared_part_of(whole, *at) == part));
	next.end = at;
	again_.push_back(next);

	/* Those that wanted everything have failed. */
	while (at && !wants_less(whole, *at))
		at = destinations.next(*at);
	window.rest = at;
	if (at)
		window.job.reads_++;
	if (at && !window.rest_link.linked())
		rests_.push_back(window);
	else if (!at && window.rest_link.linked())
		window.rest_link.unlink();
}

void Copier::divide_rests()
{
	while (Window *window = rests_.front()) {
		Window *next = windows_.get(*this, window->job);
		if (!next) {
			wait_for_memory();
			return;
		}
		window->job.windows_++;
		make_next(*window, *next);
	}
}

bool Copier::read_again()
{
	for (Window &window : again_) {
		size_t wanted = pages_for(window.sectors);
		if (throttled())
			return false;
		if (any_full(window, wanted))
			continue;
		window.page_count = pages_.take({window.page_list, wanted});
		if (window.page_count < wanted) {
			pages_.give_back(window.pages());
			window.page_count = 0;
			wait_for_memory();
			return false;
		}
		window.again_link.unlink();
		begin(window);
	}
	return true;
}

} // namespace dmsnap
