// SPDX-License-Identifier: GPL-2.0-only
/* OverlayLock: one command at a time changes overlays; another one waits for it. */
#pragma once

namespace dmsnap::tool {

class OverlayLock {
public:
	/* Throws a Failure. */
	OverlayLock();
	~OverlayLock();
	OverlayLock(const OverlayLock &) = delete;
	OverlayLock &operator=(const OverlayLock &) = delete;

private:
	int descriptor_;
};

} // namespace dmsnap::tool
