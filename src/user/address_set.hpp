// SPDX-License-Identifier: GPL-2.0-only
/*
 * AddressSet: a set of non-null addresses in one table, without a node for each.  The simulator
 * does thousands of lookups a second.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "user/random.hpp"

namespace dmsnap::user {

class AddressSet {
public:
	size_t size() const { return size_; }
	bool contains(const void *address) const { return places_[place_of(address)] == address; }
	void insert(const void *address)
	{
		if (2 * (size_ + 1) > places_.size())
			grow();
		const void *&place = places_[place_of(address)];
		size_ += place == nullptr;
		place = address;
	}
	/* Returns false if it was not there. */
	bool erase(const void *address)
	{
		size_t hole = place_of(address);
		if (!places_[hole])
			return false;
		size_--;
		/* Later entries that were displaced move up, so that no search ends at the hole. */
		for (size_t at = next(hole); places_[at]; at = next(at)) {
			size_t home = home_of(places_[at]);
			if (hole <= at ? hole < home && home <= at : hole < home || home <= at)
				continue;
			places_[hole] = places_[at];
			hole = at;
		}
		places_[hole] = nullptr;
		return true;
	}

private:
	size_t home_of(const void *address) const
	{
		return Random::mix(reinterpret_cast<uintptr_t>(address)) & (places_.size() - 1);
	}
	size_t next(size_t at) const { return (at + 1) & (places_.size() - 1); }
	/* Where it is, or would be. */
	size_t place_of(const void *address) const
	{
		size_t at = home_of(address);
		while (places_[at] && places_[at] != address)
			at = next(at);
		return at;
	}
	void grow()
	{
		auto old = std::exchange(places_, std::vector<const void *>(2 * places_.size()));
		for (const void *address : old)
			if (address)
				places_[place_of(address)] = address;
	}

	/* A power of two; at most half of the places are in use. */
	std::vector<const void *> places_ = std::vector<const void *>(1024);
	size_t size_ = 0;
};

} // namespace dmsnap::user
