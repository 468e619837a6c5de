// SPDX-License-Identifier: GPL-2.0-only
/*
 * SyncIo: one I/O at a time that the caller can wait for.  For construction
 * only; nothing on the I/O path waits like this.
 */
#pragma once

#include <dmsnap/port/device.h>

#include "base/error.hpp"
#include "base/guard.hpp"

namespace dmsnap {

class SyncIo {
public:
	/* As dmsnap_port_io_submit().  wait() must follow. */
	void start(dmsnap_device *device, dmsnap_io_op op, unsigned int flags, uint64_t sector,
		   uint64_t sectors, void *const *pages)
	{
		dmsnap_port_io_submit(
			device, op, flags, sector, sectors, pages, 0,
			[](void *ctx, int error) {
				auto *io = static_cast<SyncIo *>(ctx);
				io->error_ = error;
				io->ended_.set();
			},
			this);
	}

	/* 0 or a negative errno.  Sleeps. */
	int wait()
	{
		ended_.wait();
		return error_;
	}

private:
	Event ended_;
	int error_ = 0;
};

/* All in one.  Context: process, sleeps. */
inline int sync_io(dmsnap_device *device, dmsnap_io_op op, unsigned int flags, uint64_t sector,
		   uint64_t sectors, void *const *pages)
{
	SyncIo io;
	io.start(device, op, flags, sector, sectors, pages);
	return io.wait();
}

} // namespace dmsnap
