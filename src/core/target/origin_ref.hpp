// SPDX-License-Identifier: GPL-2.0-only
/*
 * OriginRef: a target's reference to an Origin.  The Registry keeps an Origin while it has
 * references.
 */
#pragma once

#include <dmsnap/port/device.h>

#include "origin/origin.hpp"

namespace dmsnap {

class OriginRef {
public:
	OriginRef() = default;
	~OriginRef() { reset(); }
	OriginRef(const OriginRef &) = delete;
	OriginRef &operator=(const OriginRef &) = delete;

	/* Refers to the origin over @device, and creates it if needed.  May sleep. */
	Status get(dmsnap_device *device);
	void reset();

	Origin *operator->() const { return origin_; }
	Origin &operator*() const { return *origin_; }
	explicit operator bool() const { return origin_ != nullptr; }

private:
	Origin *origin_ = nullptr;
};

} // namespace dmsnap
