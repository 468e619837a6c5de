/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the core needs of block devices: opening them for a target, reading and
 * writing them with its own pages.
 */
#ifndef DMSNAP_PORT_DEVICE_H
#define DMSNAP_PORT_DEVICE_H

#include <dmsnap/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One target instance of a table, as dm core knows it.  Opaque. */
struct dmsnap_target;

/** A block device opened for one target.  Opaque. */
struct dmsnap_device;

/** The most that dmsnap_port_device_name() writes, including the NUL. */
#define DMSNAP_DEVICE_NAME_BYTES 24u

enum dmsnap_device_mode {
	DMSNAP_DEVICE_READ,
	/** Read and write. */
	DMSNAP_DEVICE_WRITE,
	/** The mode of the table: read-only or read-write. */
	DMSNAP_DEVICE_TABLE,
};

/**
 * dmsnap_port_device_find() - which device a table argument means.
 * @path: a path or "major:minor"
 * @id: set to a number that identifies the device
 *
 * Does not open the device.
 *
 * Context: Process context, a mutex may be held. May sleep.
 * Return: 0, or a negative errno.
 */
int dmsnap_port_device_find(const char *path, uint64_t *id);

/**
 * dmsnap_port_device_open() - open a device for a target.
 * @target: the target that opens it
 * @path: a path or "major:minor"
 * @mode: for reading, for writing, or as the table
 * @device: set on success; closed with dmsnap_port_device_close()
 *
 * Context: Process context, a mutex may be held. May sleep. Constructor only.
 * Return: 0, or the negative errno of dm core.
 */
int dmsnap_port_device_open(struct dmsnap_target *target, const char *path,
			    enum dmsnap_device_mode mode, struct dmsnap_device **device);

/**
 * dmsnap_port_device_close() - close a device.  No I/O may be in flight, except with
 * %DMSNAP_IO_MAY_OUTLIVE.
 * @target: the target that opened it; NULL after dmsnap_port_device_detach()
 * @device: from dmsnap_port_device_open()
 *
 * Context: Process context, a mutex may be held. May sleep. Destructor only.
 */
void dmsnap_port_device_close(struct dmsnap_target *target, struct dmsnap_device *device);

/**
 * dmsnap_port_device_detach() - keep the device open after its target has gone.
 * @target: the target that opened it
 * @device: from dmsnap_port_device_open()
 *
 * I/O goes on as before, until dmsnap_port_device_close() with a target of NULL.  The
 * module cannot be unloaded meanwhile.
 *
 * Context: Process context, a mutex may be held. May sleep. Destructor only.
 * Return: 0, or a negative errno if the device cannot be kept open; then nothing has
 * changed.
 */
int dmsnap_port_device_detach(struct dmsnap_target *target, struct dmsnap_device *device);

/**
 * dmsnap_port_device_id() - the number as from dmsnap_port_device_find().
 * @device: from dmsnap_port_device_open()
 *
 * Context: Any.
 * Return: the number that identifies the device.
 */
uint64_t dmsnap_port_device_id(const struct dmsnap_device *device);

/**
 * dmsnap_port_device_name() - "major:minor".
 * @device: from dmsnap_port_device_open()
 * @name: at least %DMSNAP_DEVICE_NAME_BYTES
 *
 * Context: Any.
 */
void dmsnap_port_device_name(const struct dmsnap_device *device, char *name);

/**
 * dmsnap_port_device_sectors() - current size; it may grow and shrink.
 * @device: from dmsnap_port_device_open()
 *
 * Context: Any.
 * Return: sectors.
 */
uint64_t dmsnap_port_device_sectors(const struct dmsnap_device *device);

/**
 * dmsnap_port_device_block_sectors() - logical block size, in sectors.
 * @device: from dmsnap_port_device_open()
 *
 * Context: Any.
 * Return: sectors.
 */
uint32_t dmsnap_port_device_block_sectors(const struct dmsnap_device *device);

/**
 * dmsnap_port_device_write_protected() - was a write-protected device opened for
 * writing?  Opening it succeeds.
 * @device: from dmsnap_port_device_open()
 *
 * Context: Any.
 * Return: true if it was.
 */
bool dmsnap_port_device_write_protected(const struct dmsnap_device *device);

enum dmsnap_io_op {
	DMSNAP_IO_READ,
	DMSNAP_IO_WRITE,
	/** No pages: writes @sectors of zeros, by the device itself if it can. */
	DMSNAP_IO_ZERO,
	/** No pages: tells the device that the range is unused. */
	DMSNAP_IO_DISCARD,
	/** No pages, sector and length 0: writes completed before are durable when it ends. */
	DMSNAP_IO_FLUSH,
};

enum dmsnap_io_flags {
	/** All writes completed before are durable before this write begins. */
	DMSNAP_IO_PREFLUSH = 1u << 0,
	/** This write is durable when it completes. */
	DMSNAP_IO_FUA = 1u << 1,
	/** Something waits for it. */
	DMSNAP_IO_SYNC = 1u << 2,
	/** Metadata of the store (for tracing and schedulers). */
	DMSNAP_IO_META = 1u << 3,
	/**
	 * The device may be closed before this I/O ends.  It stays open until then, so
	 * that it cannot be removed.
	 */
	DMSNAP_IO_MAY_OUTLIVE = 1u << 4,
};

/**
 * typedef dmsnap_io_done - completion of dmsnap_port_io_submit().
 * @ctx: as given to dmsnap_port_io_submit()
 * @error: 0 or a negative errno
 *
 * Called exactly once, with no lock held, possibly before dmsnap_port_io_submit() returns.
 *
 * Context: Interrupt or process context. Must not sleep.
 */
typedef void (*dmsnap_io_done)(void *ctx, int error);

/**
 * dmsnap_port_io_submit() - start an I/O on pages.
 * @device: from dmsnap_port_device_open()
 * @op: what to do
 * @flags: enum dmsnap_io_flags; %DMSNAP_IO_PREFLUSH and %DMSNAP_IO_FUA on writes only
 * @sector: first sector on @device
 * @sectors: length; > 0 except for %DMSNAP_IO_FLUSH
 * @pages: addresses of pages from dmsnap_port_page_alloc(); the list is copied,
 *        the caller owns the pages, which must live until @done
 * @offset: byte offset of the data in the first page, a multiple of 512
 * @done: called once, at the end
 * @ctx: handed to @done
 *
 * A long I/O may be split on the device; @done is called once, for all parts, with
 * the first error.  Each part of a split write with %DMSNAP_IO_PREFLUSH or
 * %DMSNAP_IO_FUA has these flags; up to %DMSNAP_IO_ATOMIC_SECTORS it is not split,
 * and costs one flush.  %DMSNAP_IO_ZERO with one of these flags is done as plain
 * writes of zeros.  %DMSNAP_IO_DISCARD succeeds on a device that does not discard.
 * Outside of the device's range, @done is called with -EIO at once.
 *
 * Context: Process context. May sleep for memory (forward progress guaranteed). No lock
 * held. Not in a map upcall: I/O submitted there is sent only after the upcall has
 * returned, and a wait for memory might wait for that I/O.
 */
void dmsnap_port_io_submit(struct dmsnap_device *device, enum dmsnap_io_op op, unsigned int flags,
			   uint64_t sector, uint64_t sectors, void *const *pages, uint32_t offset,
			   dmsnap_io_done done, void *ctx);

/** Longest write that is not split: 1 MiB, 256 pages. */
#define DMSNAP_IO_ATOMIC_SECTORS 2048u

/** Storage of a plug. */
struct dmsnap_plug {
	unsigned long opaque[16];
};

/**
 * dmsnap_port_plug_begin() - gather I/O of this thread so that adjacent I/O is
 * merged.  Ends by itself when the thread sleeps.
 * @plug: storage of the plug
 *
 * Context: Process context, no lock held.
 */
void dmsnap_port_plug_begin(struct dmsnap_plug *plug);

/**
 * dmsnap_port_plug_end() - submit the gathered I/O.
 * @plug: from dmsnap_port_plug_begin()
 *
 * Context: Process context, no lock held. May sleep.
 */
void dmsnap_port_plug_end(struct dmsnap_plug *plug);

#ifdef __cplusplus
}
#endif

#endif
