// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bio: what dm passes to a target, with checks of what the core may do with it at each time.  Its
 * creator (mapped.hpp, or a test of one part) calls the core between begin_map() and end_map().
 * on_end reports its end.
 */
#pragma once

#include <functional>
#include <memory>
#include <span>

#include <dmsnap/core.h>

#include "user/device.hpp"

struct dmsnap_bio {
public:
	/* @data: as long as desc.sectors for reads and writes; must outlive the bio. */
	dmsnap_bio(const dmsnap_bio_desc &desc, std::span<uint8_t> data,
		   std::function<void(int error)> on_end);
	~dmsnap_bio();
	dmsnap_bio(const dmsnap_bio &) = delete;
	dmsnap_bio &operator=(const dmsnap_bio &) = delete;

	/* The current state: accept() shortens it. */
	const dmsnap_bio_desc &desc() const { return desc_; }

	/* The map upcall runs between these. */
	void begin_map();
	/* Does what the core returned.  The bio may be gone on return. */
	void end_map(dmsnap_map result);

	/* The device it was remapped to, and where on it; nullptr before. */
	dmsnap_device *remapped_to() const { return device_; }
	uint64_t remapped_sector() const { return device_sector_; }

	/* The port's functions. */
	void accept(uint32_t sectors);
	void remap(dmsnap_device *device, uint64_t sector);
	void submit();
	void submit_watched(dmsnap_device *device, uint64_t sector, dmsnap_io_done done, void *ctx);
	void end(int error);

private:
	/* mapping -> held -> flying -> ended; or held -> watched -> held ... */
	enum class State : uint8_t { fresh, mapping, held, flying, watched, ended };

	bool may_settle(const char *what);
	void fly(dmsnap_device *device, uint64_t sector, std::function<void(int error)> done);
	void finish(int error);

	dmsnap_bio_desc desc_;
	std::span<uint8_t> data_;
	std::function<void(int error)> on_end_;
	State state_ = State::fresh;
	bool watched_once_ = false;
	dmsnap_device *device_ = nullptr;
	uint64_t device_sector_ = 0;
};

namespace dmsnap::user {

using Bio = ::dmsnap_bio;

} // namespace dmsnap::user
