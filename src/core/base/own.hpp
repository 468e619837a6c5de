// SPDX-License-Identifier: GPL-2.0-only
/*
 * Owned<T>: an object that was allocated at construction time and has one owner.  Pool<T>:
 * objects with a reserve, for the I/O path.
 */
#pragma once

#include <new>
#include <type_traits>
#include <utility>

#include <dmsnap/port/memory.h>

#include "base/error.hpp"

namespace dmsnap {

/*
 * The first parameter of constructors that only the class itself may call, in its create(),
 * through make_owned().
 */
template <typename T> class CreateKey {
	friend T;
	constexpr CreateKey() = default;
};

template <typename T> class Owned {
public:
	Owned() = default;
	explicit Owned(T *object) : object_(object) {}
	Owned(Owned &&other) : object_(std::exchange(other.object_, nullptr)) {}
	Owned &operator=(Owned &&other)
	{
		if (this != &other) {
			reset();
			object_ = std::exchange(other.object_, nullptr);
		}
		return *this;
	}
	~Owned() { reset(); }

	void reset()
	{
		if (T *object = std::exchange(object_, nullptr)) {
			object->~T();
			dmsnap_port_free(object);
		}
	}
	/* The caller becomes the owner, and must put the object into an Owned again to free it. */
	T *release() { return std::exchange(object_, nullptr); }

	T *get() const { return object_; }
	T *operator->() const { return object_; }
	T &operator*() const { return *object_; }
	explicit operator bool() const { return object_ != nullptr; }

private:
	T *object_ = nullptr;
};

/* Context: process, may sleep; construction only. */
template <typename T, typename... Args> Result<Owned<T>> make_owned(Args &&...args)
{
	static_assert(alignof(T) <= 16);
	void *memory = dmsnap_port_alloc(sizeof(T));
	if (!memory)
		return fail(Error::no_memory);
	return Owned<T>(new (memory) T(std::forward<Args>(args)...));
}

/* An array of plain values, allocated at construction time. */
template <typename T>
	requires(std::is_trivially_copyable_v<T>)
class OwnedArray {
public:
	OwnedArray() = default;
	OwnedArray(OwnedArray &&other)
	    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0))
	{
	}
	OwnedArray &operator=(OwnedArray &&other)
	{
		if (this != &other) {
			dmsnap_port_free(data_);
			data_ = std::exchange(other.data_, nullptr);
			size_ = std::exchange(other.size_, 0);
		}
		return *this;
	}
	~OwnedArray() { dmsnap_port_free(data_); }

	/* Zeroed. */
	static Result<OwnedArray> create(size_t size)
	{
		OwnedArray array;
		array.data_ = static_cast<T *>(dmsnap_port_alloc(size * sizeof(T)));
		if (!array.data_)
			return fail(Error::no_memory);
		array.size_ = size;
		return array;
	}

	T *data() const { return data_; }
	size_t size() const { return size_; }
	T &operator[](size_t i) const { return data_[i]; }

private:
	T *data_ = nullptr;
	size_t size_ = 0;
};

/*
 * If objects are used in bursts, the slab allocator frees pages and allocates others, which the
 * kernel may clear.  So a pool may keep some objects until trim().
 *
 * Locking: the user serialises a pool that keeps objects.
 */
template <typename T> class Pool {
public:
	Pool() = default;
	Pool(Pool &&other) { *this = std::move(other); }
	Pool &operator=(Pool &&other)
	{
		std::swap(pool_, other.pool_);
		std::swap(kept_, other.kept_);
		std::swap(kept_count_, other.kept_count_);
		std::swap(kept_max_, other.kept_max_);
		return *this;
	}
	~Pool()
	{
		trim();
		if (pool_)
			dmsnap_port_pool_destroy(pool_);
	}

	/*
	 * At least @reserve objects can always be in use at a time; up to @keep are kept.  May
	 * sleep.
	 */
	static Result<Pool> create(const char *name, unsigned int reserve, unsigned int keep = 0)
	{
		constexpr size_t bytes = sizeof(T) < sizeof(Kept) ? sizeof(Kept) : sizeof(T);
		Pool pool;
		pool.pool_ = dmsnap_port_pool_create(name, bytes, reserve);
		if (!pool.pool_)
			return fail(Error::no_memory);
		pool.kept_max_ = dmsnap_port_pool_may_keep() ? keep : 0;
		return pool;
	}

	/* Returns nullptr if memory is short and the reserve is used up.  Context: any. */
	template <typename... Args> T *get(Args &&...args)
	{
		void *memory = kept_ ? take_kept() : dmsnap_port_pool_get(pool_);
		return memory ? new (memory) T(std::forward<Args>(args)...) : nullptr;
	}

	void put(T *object)
	{
		object->~T();
		if (kept_count_ == kept_max_) {
			dmsnap_port_pool_put(pool_, object);
			return;
		}
		kept_ = new (static_cast<void *>(object)) Kept{kept_};
		kept_count_++;
	}

	/* Frees the objects that are kept. */
	void trim()
	{
		while (kept_)
			dmsnap_port_pool_put(pool_, take_kept());
	}

private:
	/* Links the memory of kept objects. */
	struct Kept {
		Kept *next;
	};

	void *take_kept()
	{
		kept_count_--;
		return std::exchange(kept_, kept_->next);
	}

	dmsnap_pool *pool_ = nullptr;
	Kept *kept_ = nullptr;
	unsigned int kept_count_ = 0;
	unsigned int kept_max_ = 0;
};

} // namespace dmsnap
