// SPDX-License-Identifier: GPL-2.0-only
#include "model/engine/history.hpp"

namespace dmsnap::model {

void History::begin(uint64_t value)
{
	stores_.assign(1, Store{value, {}, false, 0});
	order_.assign(1, 0);
	events_.clear();
}

int32_t History::floor(const Clock &clock) const
{
	int32_t floor = 0;
	for (const Event &event : events_) {
		if (!clock.covers(event.thread, event.index))
			continue;
		const int32_t seen = event.written >= 0 ? event.written : event.read;
		floor = std::max(floor, store(seen).rank);
	}
	return floor;
}

int32_t History::put_after(int32_t rank, const Store &store)
{
	const auto number = static_cast<int32_t>(stores_.size());
	stores_.push_back(store);
	order_.insert(order_.begin() + rank + 1, number);
	for (size_t i = static_cast<size_t>(rank) + 1; i < order_.size(); i++)
		stores_[static_cast<size_t>(order_[i])].rank = static_cast<int32_t>(i);
	return number;
}

} // namespace dmsnap::model
