// SPDX-License-Identifier: GPL-2.0-only
/*
 * OriginTarget: one instance of the snapshot-origin target.  Reads and flushes pass through; the
 * Origin handles writes.
 */
#pragma once

#include <span>

#include <dmsnap/core.h>

#include "target/origin_ref.hpp"

namespace dmsnap {

class OriginTarget {
public:
	/* See dmsnap_core_origin_create(). */
	static std::expected<Owned<OriginTarget>, Refusal> create(dmsnap_target *target,
								  unsigned int argc, char **argv);
	OriginTarget(CreateKey<OriginTarget>, dmsnap_target *target) : target_(target) {}
	~OriginTarget();

	dmsnap_map map(dmsnap_bio *bio, const dmsnap_bio_desc &desc, void *space);
	size_t status(dmsnap_status type, std::span<char> buffer) const;
	/* See dmsnap_core_origin_begin_suspend(). */
	void begin_suspend();
	void end_suspend();
	dmsnap_device *device() const { return device_; }

private:
	dmsnap_target *target_;
	dmsnap_device *device_ = nullptr;
	OriginRef origin_;
	bool suspending_ = false;
};

} // namespace dmsnap
