// SPDX-License-Identifier: GPL-2.0-only
/*
 * History: the stores to one location in their modification order, and every access to it.  From
 * these follows what a load may return, and where a store may go in the order: it need not be
 * the last one, if nothing that happens before it comes later.
 */
#pragma once

#include <cstdint>
#include <vector>

#include "model/engine/clock.hpp"

namespace dmsnap::model {

struct Store {
	uint64_t value;
	/* What happens before an event that reads this with acquire. */
	Clock released;
	/* Made by an atomic change: nothing can come between it and the store before it. */
	bool is_change;
	/* Its place in the modification order. */
	int32_t rank;
};

struct Event {
	unsigned int thread;
	uint32_t index;
	/* All that happens before what follows it in its thread, itself included. */
	Clock clock;
	/* In stores, or -1. */
	int32_t read = -1;
	int32_t written = -1;
};

class History {
public:
	/* Begins with @value, which no thread stored. */
	void begin(uint64_t value);

	/* The last place that an access with @clock must not ignore. */
	int32_t floor(const Clock &clock) const;
	int32_t last() const { return static_cast<int32_t>(order_.size()) - 1; }
	/* Can a store be put after place @rank? */
	bool has_room_after(int32_t rank) const
	{
		return rank == last() || !at(rank + 1).is_change;
	}

	const Store &at(int32_t rank) const
	{
		return stores_[static_cast<size_t>(order_[static_cast<size_t>(rank)])];
	}
	const Store &store(int32_t number) const { return stores_[static_cast<size_t>(number)]; }
	/* The number of the store at @rank, which stays the same when others are put before it. */
	int32_t number_at(int32_t rank) const { return order_[static_cast<size_t>(rank)]; }
	/* Puts it behind place @rank; returns its number. */
	int32_t put_after(int32_t rank, const Store &store);

	void add(const Event &event) { events_.push_back(event); }
	const std::vector<Event> &events() const { return events_; }

	/*
	 * Places in coherence order: a store has 2 * rank, and a load of it one more.  An event
	 * comes before another one if the first() of the one is below the last() of the other.
	 */
	int32_t first_place(const Event &event) const
	{
		return event.read >= 0 ? 2 * store(event.read).rank + 1
				       : 2 * store(event.written).rank;
	}
	int32_t last_place(const Event &event) const
	{
		return event.written >= 0 ? 2 * store(event.written).rank
					  : 2 * store(event.read).rank + 1;
	}

private:
	std::vector<Store> stores_;
	std::vector<int32_t> order_;
	std::vector<Event> events_;
};

} // namespace dmsnap::model
