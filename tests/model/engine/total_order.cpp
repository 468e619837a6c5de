// SPDX-License-Identifier: GPL-2.0-only
#include "model/engine/total_order.hpp"

#include <cstdlib>
#include <limits>

namespace dmsnap::model {

namespace {

constexpr size_t members_max = 64;

} // namespace

/*
 * In one thread, by program order.  Across threads: a is sequenced before C, which happens before
 * D, which is sequenced before b.  (If a itself synchronises with b, then a is coherence-ordered
 * before b, and the other rule covers it.)
 */
bool TotalOrder::strongly_before(const Member &a, const Member &b)
{
	if (a.thread == b.thread)
		return a.index < b.index;
	return b.before.covers(a.thread, a.index + 1);
}

TotalOrder::Places TotalOrder::places_in(const Member &member, const History &history)
{
	Places places{std::numeric_limits<int32_t>::max(), -1};
	for (const Event &event : history.events()) {
		if (event.clock.covers(member.thread, member.index))
			places.first = std::min(places.first, history.first_place(event));
		if (member.clock.covers(event.thread, event.index))
			places.last = std::max(places.last, history.last_place(event));
	}
	return places;
}

void TotalOrder::add_coherence(const History &history, int32_t location)
{
	constexpr int32_t nowhere = std::numeric_limits<int32_t>::max();
	bool any = false;

	for (size_t i = 0; i < members_.size(); i++) {
		const Member &member = members_[i];
		if (member.location < 0) {
			places_[i] = places_in(member, history);
		} else if (member.location == location) {
			const Event &event = history.events()[member.event];
			places_[i] = {history.first_place(event), history.last_place(event)};
		} else {
			places_[i] = {nowhere, -1};
		}
		any |= places_[i].first != nowhere;
	}
	for (size_t a = 0; any && a < members_.size(); a++) {
		for (size_t b = 0; b < members_.size(); b++) {
			if (a != b && places_[a].first < places_[b].last)
				after_[a] |= uint64_t{1} << b;
		}
	}
}

bool TotalOrder::has_cycle()
{
	for (size_t via = 0; via < members_.size(); via++) {
		for (uint64_t &after : after_) {
			if (after >> via & 1)
				after |= after_[via];
		}
	}
	for (size_t i = 0; i < members_.size(); i++) {
		if (after_[i] >> i & 1)
			return true;
	}
	return false;
}

bool TotalOrder::exists(const std::vector<History *> &histories)
{
	if (members_.size() < 2)
		return true;
	if (members_.size() > members_max)
		std::abort();

	after_.assign(members_.size(), 0);
	places_.resize(members_.size());
	for (size_t a = 0; a < members_.size(); a++) {
		for (size_t b = 0; b < members_.size(); b++) {
			if (a != b && strongly_before(members_[a], members_[b]))
				after_[a] |= uint64_t{1} << b;
		}
	}
	for (size_t i = 0; i < histories.size(); i++)
		add_coherence(*histories[i], static_cast<int32_t>(i));
	return !has_cycle();
}

} // namespace dmsnap::model
