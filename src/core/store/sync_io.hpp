// SPDX-License-Identifier: GPL-2.0-only
/*
 * sync_io(): one I/O that the caller waits for, however long it takes.  The I/O path never waits
 * like this.  Constructors read through LoadRead.
 */
#pragma once

#include <dmsnap/port/device.h>

#include "base/error.hpp"
#include "base/guard.hpp"

namespace dmsnap {

/*
 * Like dmsnap_port_io_submit(), but waits and returns 0 or a negative errno.
 * Context: process, sleeps.
 */
inline int sync_io(dmsnap_device *device, dmsnap_io_op op, unsigned int flags, uint64_t sector,
		   uint64_t sectors, void *const *pages)
{
	struct Waited {
		Event ended;
		int error = 0;
	} waited;
	dmsnap_port_io_submit(
		device, op, flags, sector, sectors, pages, 0,
		[](void *ctx, int error) {
			auto *of = static_cast<Waited *>(ctx);
			of->error = error;
			of->ended.set();
		},
		&waited);
	waited.ended.wait();
	return waited.error;
}

} // namespace dmsnap
