// SPDX-License-Identifier: GPL-2.0-only
/* Device: what is in the volatile cache and on the medium, and what a crash leaves of it. */
#include <algorithm>
#include <utility>

#include "user/device.hpp"
#include "user/failure.hpp"
#include "user/flight.hpp"
#include "user/world.hpp"

namespace dmsnap::user {

/* The last visible version whose write @is_kept; nullptr if there is none. */
template <typename IsKept>
const Device::Version *Device::last_of(const Versions &versions, const IsKept &is_kept)
{
	auto found = std::find_if(versions.rbegin(), versions.rend(),
				  [&](const Version &version) { return is_kept(*version.flight); });
	return found == versions.rend() ? nullptr : &*found;
}

/* From here on a crash may leave any sector of the write. */
void Device::arrive(const std::shared_ptr<Flight> &flight)
{
	flight->number = next_write_++;
	if (writes(flight->io.op))
		for (uint64_t i = 0; i < flight->sectors; i++)
			cache_[flight->sector + i].push_back({flight, i * sector_bytes});
}

/* Readers see a write, or a read sees what is there. */
void Device::transfer(const std::shared_ptr<Flight> &flight)
{
	if (std::exchange(flight->visible, true))
		return;
	if (flight->io.op == Op::read) {
		uint64_t at = flight->sector;
		for (auto piece : flight->io.data) {
			live_.read(at, piece);
			at += piece.size() / sector_bytes;
		}
		return;
	}
	for (uint64_t i = 0; i < flight->sectors; i++) {
		auto found = cache_.find(flight->sector + i);
		if (found == cache_.end())
			continue; /* the device shrank */
		Versions &versions = found->second;
		auto mine = std::find_if(versions.begin(), versions.end(),
					 [&](const Version &v) { return v.flight == flight; });
		if (mine == versions.end())
			continue; /* it failed, and this sector was not written */
		std::rotate(mine, mine + 1, versions.end());
		flight->put(live_, found->first, i * sector_bytes);
	}
}

void Device::complete(const std::shared_ptr<Flight> &flight)
{
	Op op = flight->io.op;
	if (op == Op::write && flight->io.stable && gather(flight->io) != flight->data)
		report_failure("the data of a write to sector %llu of %s changed in flight",
			       static_cast<unsigned long long>(flight->sector),
			       options_.name.c_str());
	if (flight->error && writes(op)) {
		/* A failed write may still have written some of its sectors. */
		for (uint64_t i = 0; i < flight->sectors; i += options_.block_sectors)
			if (!world_.random_order() || world_.random().one_in(2))
				forget_block(flight, flight->sector + i);
	}
	if (!flight->error || writes(op))
		transfer(flight);
	if (writes(op)) {
		flight->completion = next_completion_++;
		bool fua = flight->io.flags & DMSNAP_IO_FUA || !options_.volatile_cache;
		for (uint64_t i = 0; fua && !flight->error && i < flight->sectors; i++) {
			auto found = cache_.find(flight->sector + i);
			if (found == cache_.end())
				continue;
			Versions &versions = found->second;
			for (size_t n = versions.size(); n; n--)
				if (versions[n - 1].flight == flight) {
					make_durable(found->first, versions, n);
					break;
				}
			if (versions.empty())
				cache_.erase(found);
		}
	}
	end(*flight, flight->error);
}

/* A failed write does not reach this block. */
void Device::forget_block(const std::shared_ptr<Flight> &flight, uint64_t sector)
{
	for (uint64_t i = 0; i < options_.block_sectors; i++) {
		auto found = cache_.find(sector + i);
		if (found != cache_.end())
			std::erase_if(found->second,
				      [&](const Version &v) { return v.flight == flight; });
	}
}

/*
 * The last of the first @count versions survives every crash from now on, and those before it
 * cannot come back.  A version that is still in flight and not visible may reach the medium after
 * it, so it stays.
 */
void Device::make_durable(uint64_t sector, Versions &versions, size_t count)
{
	versions[count - 1].flight->put(durable_, sector, versions[count - 1].offset);
	auto end_of_them = versions.begin() + static_cast<ptrdiff_t>(count);
	auto keep = std::remove_if(versions.begin(), end_of_them,
				   [](const Version &v) { return v.flight->visible; });
	versions.erase(keep, end_of_them);
}

std::vector<uint8_t> Device::peek(uint64_t sector, uint64_t sectors) const
{
	return live_.read(sector, sectors);
}

void Device::poke(uint64_t sector, std::span<const uint8_t> data)
{
	live_.write(sector, data);
	if (cache_.empty()) { /* They are the same. */
		durable_ = live_;
		return;
	}
	durable_.write(sector, data);
	for (uint64_t i = 0; i < data.size() / sector_bytes; i++)
		cache_.erase(sector + i);
}

void Device::load(Image image)
{
	cache_.clear();
	durable_ = image;
	live_ = std::move(image);
}

/* The durable content, and for each sector with undurable versions what @choose returns. */
template <typename Choose> Image Device::image_with(const Choose &choose) const
{
	Image image = durable_;
	for (const auto &[sector, versions] : cache_)
		if (const Version *left = versions.empty() ? nullptr : choose(sector, versions))
			left->flight->put(image, sector, left->offset);
	return image;
}

Image Device::crash_image(CrashPolicy policy) const
{
	if (policy.keep == CrashPolicy::Keep::nothing)
		return durable_;
	if (policy.keep == CrashPolicy::Keep::everything)
		return image_with(
			[](uint64_t, const Versions &versions) { return &versions.back(); });
	Random random(Random::mix(policy.seed));
	/* Half of the crashes lose whole writes, the others tear them. */
	bool whole = random.one_in(2);
	uint64_t salt = random.next();
	/* The sectors of a block have the same versions, and come one after the other. */
	uint64_t block = UINT64_MAX, n = 0;
	return image_with([&](uint64_t sector, const Versions &versions) {
		if (whole)
			return last_of(versions, [salt](const Flight &flight) {
				return Random::mix(salt + flight.number) & 1;
			});
		if (std::exchange(block, sector / options_.block_sectors) != block)
			n = random.below(versions.size() + 1);
		return n && n <= versions.size() ? &versions[n - 1] : nullptr;
	});
}

Image Device::crash_image(const std::set<uint64_t> &kept) const
{
	return image_with([&kept](uint64_t, const Versions &versions) {
		return last_of(versions, [&kept](const Flight &flight) {
			return kept.contains(flight.number);
		});
	});
}

std::vector<uint64_t> Device::losable() const
{
	std::set<uint64_t> numbers;
	for (const auto &[sector, versions] : cache_)
		for (const Version &version : versions)
			numbers.insert(version.flight->number);
	return {numbers.begin(), numbers.end()};
}

void Device::crash(CrashPolicy policy)
{
	load(crash_image(policy));
	powered_ = false;
	life_++;
	release();
	wake_up();
}

} // namespace dmsnap::user
