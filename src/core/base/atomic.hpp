// SPDX-License-Identifier: GPL-2.0-only
/*
 * Atomic<T>: an integer or pointer that several threads read and write. <atomic> pulls in much of
 * the hosted library, so this wraps the compiler's builtins.  The memory order is part of each
 * name; there is no default.
 */
#pragma once

#include <type_traits>

namespace dmsnap {

template <typename T>
	requires(std::is_integral_v<T> || std::is_enum_v<T> || std::is_pointer_v<T>)
class Atomic {
public:
	constexpr Atomic() = default;
	constexpr explicit Atomic(T value) : value_(static_cast<Stored>(value)) {}
	Atomic(const Atomic &) = delete;
	Atomic &operator=(const Atomic &) = delete;

	T load_relaxed() const
	{
		return static_cast<T>(__atomic_load_n(&value_, __ATOMIC_RELAXED));
	}
	T load_acquire() const
	{
		return static_cast<T>(__atomic_load_n(&value_, __ATOMIC_ACQUIRE));
	}
	T load_seq_cst() const
	{
		return static_cast<T>(__atomic_load_n(&value_, __ATOMIC_SEQ_CST));
	}
	void store_relaxed(T value)
	{
		__atomic_store_n(&value_, static_cast<Stored>(value), __ATOMIC_RELAXED);
	}
	void store_release(T value)
	{
		__atomic_store_n(&value_, static_cast<Stored>(value), __ATOMIC_RELEASE);
	}
	void store_seq_cst(T value)
	{
		__atomic_store_n(&value_, static_cast<Stored>(value), __ATOMIC_SEQ_CST);
	}

	/*
	 * seq_cst; both return the new value.  Not full barriers: a later load that is not
	 * seq_cst may come before.
	 */
	T add(T amount) requires(std::is_integral_v<T>)
	{
		return __atomic_add_fetch(&value_, amount, __ATOMIC_SEQ_CST);
	}
	T sub(T amount) requires(std::is_integral_v<T>)
	{
		return __atomic_sub_fetch(&value_, amount, __ATOMIC_SEQ_CST);
	}

private:
	/*
	 * The builtins take integers and pointers; an enumeration is stored as its underlying
	 * type.
	 */
	using Stored = typename std::conditional_t<std::is_enum_v<T>, std::underlying_type<T>,
						   std::type_identity<T>>::type;

	Stored value_{};
};

/* Orders every earlier load and store before every later one. */
inline void full_fence()
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

inline void acquire_fence()
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

inline void release_fence()
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

} // namespace dmsnap
