// SPDX-License-Identifier: GPL-2.0-only
/* The memory model: accesses to atomic and to plain objects. */
#include <cstring>

#include "model/engine/runtime.hpp"

namespace dmsnap::model {

namespace {

uint64_t value_in(Cell cell)
{
	uint64_t value = 0;
	std::memcpy(&value, cell.address, cell.bytes);
	return value;
}

void put_into(Cell cell, uint64_t value)
{
	std::memcpy(cell.address, &value, cell.bytes);
}

/* An integer of the cell's size. */
uint64_t cut(Cell cell, uint64_t value)
{
	return cell.bytes == sizeof(value) ? value : value & ((uint64_t{1} << cell.bytes * 8) - 1);
}

void acquire(Runtime::Thread &thread, const Store &read, Order order)
{
	(acquires(order) ? thread.clock : thread.to_acquire).join(read.released);
}

void put_store(Runtime::Location &location, Cell cell, int32_t after, const Store &store,
	       Event &event)
{
	const bool is_last = after == location.history.last();
	event.written = location.history.put_after(after, store);
	if (is_last)
		put_into(cell, store.value);
}

/* Chooses the place after which a store goes: from the last one down, those that have room. */
int32_t place_for_store(Runtime &run, const History &history, const Clock &clock)
{
	unsigned int places = 0;
	for (int32_t rank = history.floor(clock); rank <= history.last(); rank++)
		places += history.has_room_after(rank);
	unsigned int left = run.explorer.choose(places);
	int32_t rank = history.last();
	while (!history.has_room_after(rank) || left-- > 0)
		rank--;
	return rank;
}

} // namespace

uint64_t load(Cell cell, Order named, const Site &site)
{
	Runtime &run = runtime();
	const Order order = Sites::order_at(site, Access::load, named);
	if (!run.is_shared(cell.address))
		return value_in(cell);

	Runtime::Thread &thread = run.self();
	Runtime::Location &location = run.reach(cell, false);
	Clock before = thread.clock;
	before.at[run.explorer.current()]--;

	History &history = location.history;
	const int32_t floor = history.floor(thread.clock);
	const auto back = static_cast<int32_t>(
		run.explorer.choose(static_cast<unsigned int>(history.last() - floor + 1)));
	const int32_t rank = history.last() - back;
	const Store &read = history.at(rank);
	const uint64_t value = read.value;
	acquire(thread, read, order);
	trace(to_text(order), cell.address, value, back > 0 ? "loaded, not the last" : "loaded",
	      site);
	run.add_event(location,
		      {.thread = run.explorer.current(),
		       .index = thread.clock.at[run.explorer.current()],
		       .clock = thread.clock,
		       .read = history.number_at(rank)},
		      order, before);
	return value;
}

void store(Cell cell, uint64_t value, Order named, const Site &site)
{
	Runtime &run = runtime();
	const Order order = Sites::order_at(site, Access::store, named);
	if (!run.is_shared(cell.address)) {
		put_into(cell, value);
		return;
	}

	Runtime::Thread &thread = run.self();
	Runtime::Location &location = run.reach(cell, true);
	Clock before = thread.clock;
	before.at[run.explorer.current()]--;

	History &history = location.history;
	const int32_t after = place_for_store(run, history, thread.clock);

	trace(to_text(order), cell.address, value,
	      after < history.last() ? "stored, before others" : "stored", site);
	Event event{.thread = run.explorer.current(),
		    .index = thread.clock.at[run.explorer.current()],
		    .clock = thread.clock};
	put_store(location, cell, after,
		  {value, releases(order) ? thread.clock : thread.fenced, false, 0}, event);
	run.add_event(location, event, order, before);
}

uint64_t change(Cell cell, uint64_t amount, Order named, const Site &site)
{
	Runtime &run = runtime();
	const Order order = Sites::order_at(site, Access::change, named);
	if (!run.is_shared(cell.address)) {
		put_into(cell, cut(cell, value_in(cell) + amount));
		return value_in(cell);
	}

	Runtime::Thread &thread = run.self();
	Runtime::Location &location = run.reach(cell, true);
	Clock before = thread.clock;
	before.at[run.explorer.current()]--;

	History &history = location.history;
	const int32_t rank = place_for_store(run, history, thread.clock);

	const Store read = history.at(rank);
	const uint64_t value = cut(cell, read.value + amount);
	acquire(thread, read, order);
	Event event{.thread = run.explorer.current(),
		    .index = thread.clock.at[run.explorer.current()],
		    .clock = thread.clock,
		    .read = history.number_at(rank)};
	trace(to_text(order), cell.address, value, "changed", site);
	/* The change belongs to the release sequence of the store that it read. */
	Clock released = releases(order) ? thread.clock : thread.fenced;
	released.join(read.released);
	put_store(location, cell, rank, {value, released, true, 0}, event);
	run.add_event(location, event, order, before);
	return value;
}

void fence(Order named, const Site &site)
{
	Runtime &run = runtime();
	const Order order = Sites::order_at(site, Access::fence, named);
	if (run.alone() || order == Order::relaxed)
		return;
	trace(to_text(order), nullptr, 0, "fence", site);
	if (order == Order::seq_cst) {
		run.full_fence();
		return;
	}
	Runtime::Thread &thread = run.self();
	run.begin_event();
	if (acquires(order))
		thread.clock.join(thread.to_acquire);
	if (releases(order))
		thread.fenced = thread.clock;
}

void construct(Cell cell)
{
	Runtime &run = runtime();
	if (run.alone() || !run.arena.holds(cell.address) || !run.is_shared(cell.address))
		return;
	Runtime::Location &location = run.construct(cell);
	location.creator = run.explorer.current();
	location.created = run.begin_event();
}

void plain_read(const void *address, const Site &site)
{
	Runtime &run = runtime();
	if (run.alone())
		return;
	if (run.arena.is_freed(address))
		fail("use after free");
	Runtime::Plain &plain = run.plains[address];
	const uint32_t index = run.begin_event();
	trace("plain", address, 0, "read", site);
	if (plain.writer != threads_max && !run.self().clock.covers(plain.writer, plain.written))
		fail("data race: a read is not ordered after a write");
	plain.read.at[run.explorer.current()] = index;
}

void plain_write(const void *address, const Site &site)
{
	Runtime &run = runtime();
	if (run.alone())
		return;
	if (run.arena.is_freed(address))
		fail("use after free");
	Runtime::Plain &plain = run.plains[address];
	const uint32_t index = run.begin_event();
	trace("plain", address, 0, "written", site);
	if (plain.writer != threads_max && !run.self().clock.covers(plain.writer, plain.written))
		fail("data race: a write is not ordered after a write");
	for (unsigned int i = 0; i < threads_max; i++) {
		if (!run.self().clock.covers(i, plain.read.at[i]))
			fail("data race: a write is not ordered after a read");
	}
	plain.writer = run.explorer.current();
	plain.written = index;
}

} // namespace dmsnap::model
