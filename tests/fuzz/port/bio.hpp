// SPDX-License-Identifier: GPL-2.0-only
/* Bio: what dm hands to a target, and the rules for what its core may do with it. */
#pragma once

#include <cstdint>

#include <dmsnap/core.h>

#include "fuzz/port/device.hpp"

struct dmsnap_bio {
public:
	using OnEnd = void (*)(dmsnap_bio &bio, int error);

	/*
	 * @data: as long as the bio, for reads and writes.  @on_end: called once; it may destroy
	 * the bio unless the bio is still being mapped.  @owner: for on_end().
	 */
	dmsnap_bio(const dmsnap_bio_desc &desc, uint8_t *data, OnEnd on_end, void *of)
	    : owner(of), desc_(desc), data_(data), on_end_(on_end)
	{
	}
	dmsnap_bio(const dmsnap_bio &) = delete;
	dmsnap_bio &operator=(const dmsnap_bio &) = delete;

	/* The current description: accept() shortens it. */
	const dmsnap_bio_desc &desc() const { return desc_; }
	bool ended() const { return state_ == State::ended; }

	/* Acts on the result of the core's map upcall.  May call on_end(). */
	void end_map(dmsnap_map result);

	/* The port's functions. */
	void accept(uint32_t sectors);
	void remap(dmsnap_device *device, uint64_t sector);
	void submit();
	void submit_watched(dmsnap_device *device, uint64_t sector, dmsnap_io_done done, void *ctx);
	void end(int error);

	void *const owner;
	/* The core's space beside a bio, dmsnap_core_io_bytes(). */
	alignas(16) unsigned char space[512];

private:
	/* mapping -> held -> flying -> ended; or held -> watched -> held ... */
	enum class State : uint8_t { mapping, held, flying, watched, ended };

	void check_may_settle(const char *what);
	int fly(dmsnap_device *device, uint64_t sector);

	dmsnap_bio_desc desc_;
	uint8_t *data_;
	OnEnd on_end_;
	State state_ = State::mapping;
	dmsnap_device *device_ = nullptr;
	uint64_t device_sector_ = 0;
	/* Cleared after its one call. */
	dmsnap_io_done watched_done_ = nullptr;
	void *watched_ctx_ = nullptr;
};

namespace dmsnap::fuzz {

using Bio = ::dmsnap_bio;

} // namespace dmsnap::fuzz
