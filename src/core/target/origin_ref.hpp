// SPDX-License-Identifier: GPL-2.0-only
/*
 * OriginRef: the Registry knows the origin of each device as long as a target refers to it.
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

	/* The origin over @device, made if it is not there.  May sleep. */
	Status get(dmsnap_device *device);
	void reset();

	Origin *operator->() const { return origin_; }
	Origin &operator*() const { return *origin_; }
	explicit operator bool() const { return origin_ != nullptr; }

private:
	Origin *origin_ = nullptr;
};

} // namespace dmsnap
