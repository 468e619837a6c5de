// SPDX-License-Identifier: GPL-2.0-only
#include "model/engine/runtime.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace dmsnap::model {

Runtime &runtime()
{
	static Runtime only;
	return only;
}

void trace(const char *what, const void *address, uint64_t value, const char *remark,
	   const Site &site)
{
	Runtime &run = runtime();
	if (!run.traces)
		return;
	std::printf("    thread %u: %-15s %6x = %-8llx %s  %s\n", run.explorer.current(), what,
		    address ? run.arena.offset(address) : 0u,
		    static_cast<unsigned long long>(value), to_text(site).c_str(), remark);
}

Runtime::Runtime() : shared_(Arena::bytes), owner_(Arena::bytes)
{
}

void Runtime::begin_search(const uint32_t *seed)
{
	shared_.assign(Arena::bytes, false);
	explorer.begin_search(seed);
}

void Runtime::begin_execution()
{
	arena.reset();
	threads = {};
	rcu_begun = {};
	rcu_ended = {};
	settled = false;
	failure.clear();
	outcome = 0;
	execution_++;
	locations_.clear();
	used_ = 0;
	histories_.clear();
	order_.clear();
	locks_.clear();
	plains.clear();
}

bool Runtime::is_shared(const void *address)
{
	if (alone())
		return false;
	if (!arena.holds(address))
		fail("an object of the program is not in its memory");
	if (arena.is_freed(address))
		fail("use after free");
	const uint32_t offset = arena.offset(address);
	if (shared_[offset])
		return true;
	const uint64_t user = execution_ * threads_max + explorer.current();
	const uint64_t last = owner_[offset];
	if (last / threads_max == execution_ && last != user) {
		shared_[offset] = true;
		explorer.abandon(Explorer::End::restart);
	}
	owner_[offset] = user;
	return false;
}

Runtime::Location &Runtime::construct(Cell cell)
{
	const auto [found, added] = locations_.try_emplace(cell.address, used_);
	if (added) {
		if (used_ == pool_.size())
			pool_.push_back(std::make_unique<Location>());
		histories_.push_back(&pool_[used_]->history);
		used_++;
	}
	Location &location = *pool_[found->second];
	uint64_t value = 0;
	std::memcpy(&value, cell.address, cell.bytes);
	location.history.begin(value);
	location.address = cell.address;
	location.creator = 0;
	location.created = 0;
	return location;
}

Runtime::Location &Runtime::location_of(Cell cell)
{
	const auto found = locations_.find(cell.address);
	return found == locations_.end() ? construct(cell) : *pool_[found->second];
}

Runtime::Location &Runtime::reach(Cell cell, bool writes)
{
	explorer.reach({.address = cell.address, .writes = writes});
	/* Another thread may have freed it meanwhile. */
	if (arena.is_freed(cell.address))
		fail("use after free");
	Location &location = location_of(cell);
	begin_event();
	if (!self().clock.covers(location.creator, location.created))
		fail("data race with the construction of an atomic object");
	return location;
}

void Runtime::add_event(Location &location, const Event &event, Order order, const Clock &before)
{
	location.history.add(event);
	if (order != Order::seq_cst)
		return;
	const auto number = static_cast<int32_t>(locations_.at(location.address));
	order_.add_access(event, before, number, location.history.events().size() - 1);
	check_order();
}

void Runtime::full_fence()
{
	Thread &thread = self();
	const Clock before = thread.clock;
	const uint32_t index = begin_event();
	thread.clock.join(thread.to_acquire);
	thread.fenced = thread.clock;
	order_.add_fence(explorer.current(), index, before, thread.clock);
	check_order();
}

void Runtime::check_order()
{
	if (!order_.exists(histories_))
		explorer.abandon(Explorer::End::inconsistent);
}

Runtime::Lock &Runtime::lock_of(const void *address)
{
	for (Lock &lock : locks_) {
		if (lock.address == address)
			return lock;
	}
	return locks_.emplace_back(address, false, Clock{});
}

void fail(const char *what)
{
	Runtime &run = runtime();
	run.check_order();
	run.failure = what;
	run.explorer.abandon(Explorer::End::failed);
}

} // namespace dmsnap::model
