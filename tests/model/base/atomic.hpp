// SPDX-License-Identifier: GPL-2.0-only
/*
 * The core's Atomic for programs that are explored: it takes the place of src/core/base/atomic.hpp
 * there.  Same interface, same size.
 */
#pragma once

#include <cstring>
#include <type_traits>

#include "model/engine/model.hpp"

namespace dmsnap {

template <typename T>
	requires(std::is_integral_v<T> || std::is_enum_v<T> || std::is_pointer_v<T>)
class Atomic {
	using Site = model::Site;
	using Order = model::Order;

public:
	constexpr Atomic() : Atomic(T{}) {}
	constexpr explicit Atomic(T value) : value_(value)
	{
		if (!std::is_constant_evaluated())
			model::construct(cell());
	}
	Atomic(const Atomic &) = delete;
	Atomic &operator=(const Atomic &) = delete;

	T load_relaxed(Site site = Site::current()) const { return load(Order::relaxed, site); }
	T load_acquire(Site site = Site::current()) const { return load(Order::acquire, site); }
	T load_seq_cst(Site site = Site::current()) const { return load(Order::seq_cst, site); }
	void store_relaxed(T value, Site site = Site::current())
	{
		model::store(cell(), to_number(value), Order::relaxed, site);
	}
	void store_release(T value, Site site = Site::current())
	{
		model::store(cell(), to_number(value), Order::release, site);
	}
	void store_seq_cst(T value, Site site = Site::current())
	{
		model::store(cell(), to_number(value), Order::seq_cst, site);
	}

	T add(T amount, Site site = Site::current()) requires(std::is_integral_v<T>)
	{
		return from_number(model::change(cell(), to_number(amount), Order::seq_cst, site));
	}
	T sub(T amount, Site site = Site::current()) requires(std::is_integral_v<T>)
	{
		return from_number(model::change(cell(), -to_number(amount), Order::seq_cst, site));
	}

private:
	static_assert(sizeof(T) <= sizeof(uint64_t));

	T load(Order order, const Site &site) const
	{
		return from_number(model::load(cell(), order, site));
	}
	model::Cell cell() const { return {const_cast<T *>(&value_), sizeof(T)}; }
	static uint64_t to_number(T value)
	{
		uint64_t number = 0;
		std::memcpy(&number, &value, sizeof(value));
		return number;
	}
	static T from_number(uint64_t number)
	{
		T value;
		std::memcpy(&value, &number, sizeof(value));
		return value;
	}

	T value_;
};

inline void full_fence(model::Site site = model::Site::current())
{
	model::fence(model::Order::seq_cst, site);
}

inline void acquire_fence(model::Site site = model::Site::current())
{
	model::fence(model::Order::acquire, site);
}

inline void release_fence(model::Site site = model::Site::current())
{
	model::fence(model::Order::release, site);
}

} // namespace dmsnap
