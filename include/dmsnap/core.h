/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The core's interface for its drivers: the target callbacks of the kernel binding, and the
 * user-space world of tests and tools.
 *
 * Every function that can fail returns 0 or a negative errno.  Sectors have 512 bytes and count
 * from the start of the device, not of the target: as in the in-tree driver, all targets assume
 * that they begin at sector 0.
 */
#ifndef DMSNAP_CORE_H
#define DMSNAP_CORE_H

#include <dmsnap/port/bio.h>
#include <dmsnap/port/device.h>
#include <dmsnap/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The kinds of bios that a target's map callback receives. */
enum dmsnap_bio_op {
	DMSNAP_BIO_READ,
	DMSNAP_BIO_WRITE,
	/** Empty, with PREFLUSH. */
	DMSNAP_BIO_FLUSH,
	DMSNAP_BIO_DISCARD,
	/** An operation that none of the targets supports. */
	DMSNAP_BIO_OTHER,
};

struct dmsnap_bio_desc {
	/** First sector, as the user of the mapped device sees it. */
	uint64_t sector;
	/** Length; 0 only for a flush. */
	uint32_t sectors;
	enum dmsnap_bio_op op;
	/** The data must be durable when the bio ends. */
	bool fua;
	/** dm's target bio number: which of the requested duplicates this is. */
	uint8_t nr;
};

enum dmsnap_map {
	/** Remapped: dm submits it. */
	DMSNAP_MAP_REMAPPED,
	/** Held: the core submits or ends it, and may have done so already. */
	DMSNAP_MAP_HELD,
	/** dm ends it with an I/O error. */
	DMSNAP_MAP_KILL,
};

/** What dm must know about a target after its constructor. */
struct dmsnap_target_traits {
	uint32_t flush_bios;
	uint32_t discard_bios;
};

/** One instance of the snapshot target, or of snapshot-merge.  Opaque. */
struct dmsnap_snapshot;

enum dmsnap_snapshot_kind {
	/** Target snapshot: shows the origin's old content. */
	DMSNAP_SNAPSHOT,
	/** Target snapshot-merge: stands in for the origin, and merges the snapshot into it. */
	DMSNAP_SNAPSHOT_MERGE,
};

/** One instance of the snapshot-origin target.  Opaque. */
struct dmsnap_origin;

/**
 * dmsnap_core_init() - initialise the core, before anything else.
 *
 * Context: Loading of the module. Process context. May sleep.
 * Return: 0, or a negative errno.
 */
int dmsnap_core_init(void);

/**
 * dmsnap_core_exit() - clean up, after the last target has gone.
 *
 * Context: Unloading, no target left. Process context. May sleep.
 */
void dmsnap_core_exit(void);

/**
 * dmsnap_core_io_bytes() - per-bio data that the core needs, 8-byte aligned.
 *
 * Context: Loading, once, after dmsnap_core_init(). Does not sleep.
 * Return: bytes.
 */
size_t dmsnap_core_io_bytes(void);

/**
 * dmsnap_core_snapshot_create() - constructor of a snapshot or snapshot-merge target.
 * @target: handed back to the port's functions
 * @kind: which of the two
 * @argc: number of words after the target's name
 * @argv: the words; not changed, not kept
 * @snapshot: set on success
 * @traits: filled on success
 * @error: on failure set to a static string for the user
 *
 * Reads the store, or creates one, unless another snapshot has it.  Then this snapshot takes it
 * over on its first resume.
 *
 * Context: Table load; the origin may be suspended meanwhile. noio. Sleeps for I/O.
 * Return: 0, or a negative errno.
 */
int dmsnap_core_snapshot_create(struct dmsnap_target *target, enum dmsnap_snapshot_kind kind,
				unsigned int argc, char **argv, struct dmsnap_snapshot **snapshot,
				struct dmsnap_target_traits *traits, const char **error);

/**
 * dmsnap_core_snapshot_destroy() - destructor.  No bio of the target is in flight.
 * @snapshot: from dmsnap_core_snapshot_create()
 *
 * If the process is killed while the core's own I/O is under way, that I/O goes on without the
 * target.  The COW device cannot be used again until it has ended.
 *
 * Context: End of the table; the device has no bio in flight. noio. Sleeps until
 * everything begun has ended.
 */
void dmsnap_core_snapshot_destroy(struct dmsnap_snapshot *snapshot);

/**
 * dmsnap_core_snapshot_map() - map a bio of the snapshot.
 * @snapshot: from dmsnap_core_snapshot_create()
 * @bio: from the map upcall
 * @desc: what the bio asks for; read during the call only
 * @io: dmsnap_core_io_bytes() bytes that live as long as the bio
 *
 * Context: Submission of a bio, on many CPUs at a time. Allocates from reserves only.
 * Sleeps only in dmsnap_port_bio_submit_watched().
 * Return: what dm does with the bio.
 */
enum dmsnap_map dmsnap_core_snapshot_map(struct dmsnap_snapshot *snapshot, struct dmsnap_bio *bio,
					 const struct dmsnap_bio_desc *desc, void *io);

/**
 * dmsnap_core_snapshot_end_io() - a bio that went through dmsnap_core_snapshot_map() ended.
 * @snapshot: from dmsnap_core_snapshot_create()
 * @io: the core's space in the bio, dmsnap_core_io_bytes() bytes
 *
 * Context: End of a bio, interrupt context included. Does not sleep.
 * Return: 0, or a negative errno to end the bio with although its device reported no
 * error: the data it has read may not be the snapshot's.
 */
int dmsnap_core_snapshot_end_io(struct dmsnap_snapshot *snapshot, void *io);

/**
 * dmsnap_core_snapshot_presuspend() - all I/O must end soon: nothing waits any more
 * for the COW device to be extended, and a merge stops.
 * @snapshot: from dmsnap_core_snapshot_create()
 *
 * Context: Suspend, suspend_lock held, bios still come. noio. Sleeps for the
 * current batch.
 */
void dmsnap_core_snapshot_presuspend(struct dmsnap_snapshot *snapshot);

/**
 * dmsnap_core_snapshot_presuspend_undo() - the suspend was cancelled.
 * @snapshot: from dmsnap_core_snapshot_create()
 *
 * Context: Suspend that failed, suspend_lock held. noio. May sleep.
 */
void dmsnap_core_snapshot_presuspend_undo(struct dmsnap_snapshot *snapshot);

/**
 * dmsnap_core_snapshot_preresume() - may the snapshot be resumed?  Refuses the
 * wrong order of a handover with -EINVAL.
 * @snapshot: from dmsnap_core_snapshot_create()
 *
 * Before a handover it waits for the source's I/O, unless the process is killed: -EINTR.
 *
 * Context: Resume, suspend_lock held, the device is still suspended. noio. May sleep.
 * Return: 0, or a negative errno.
 */
int dmsnap_core_snapshot_preresume(struct dmsnap_snapshot *snapshot);

/**
 * dmsnap_core_snapshot_resume() - I/O may come now.  Takes over a store from the
 * snapshot that has it.  A merge starts, or continues.
 * @snapshot: from dmsnap_core_snapshot_create()
 *
 * Context: Resume, suspend_lock held, after preresume of all targets. noio. Sleeps.
 */
void dmsnap_core_snapshot_resume(struct dmsnap_snapshot *snapshot);

/**
 * dmsnap_core_snapshot_postsuspend() - no more I/O; makes everything durable.
 * @snapshot: from dmsnap_core_snapshot_create()
 *
 * Context: Suspend, suspend_lock held, no bio in flight. noio. Sleeps.
 */
void dmsnap_core_snapshot_postsuspend(struct dmsnap_snapshot *snapshot);

enum dmsnap_status {
	/** What `dmsetup status` prints. */
	DMSNAP_STATUS_INFO,
	/** What `dmsetup table` prints: the words after the target's name. */
	DMSNAP_STATUS_TABLE,
	/** What the integrity measurement records; @name and @version are used. */
	DMSNAP_STATUS_IMA,
};

/**
 * dmsnap_core_snapshot_status() - a line of text, NUL-terminated, cut at @bytes.
 * @snapshot: from dmsnap_core_snapshot_create()
 * @type: which text
 * @name: the target's name; for %DMSNAP_STATUS_IMA
 * @version: "1.16.0"; for %DMSNAP_STATUS_IMA
 * @buffer: where the text goes
 * @bytes: size of @buffer
 *
 * Context: Any time between constructor and destructor, also under I/O. Sleeps for a
 * lock.
 * Return: characters written, without the NUL.
 */
size_t dmsnap_core_snapshot_status(struct dmsnap_snapshot *snapshot, enum dmsnap_status type,
				   const char *name, const char *version, char *buffer,
				   size_t bytes);

/**
 * dmsnap_core_snapshot_message() - handle a `dmsetup message`: src/core/table/message.hpp.
 * @snapshot: from dmsnap_core_snapshot_create()
 * @argc: number of words
 * @argv: the words; not changed, not kept
 * @buffer: gets the answer, a NUL-terminated text cut at @bytes; empty if there is none
 * @bytes: size of @buffer
 *
 * If a message is refused, the reason is logged.
 *
 * Context: Any time between constructor and destructor, also under I/O. noio. Sleeps;
 * "commit" for I/O.
 * Return: 0, or a negative errno.
 */
int dmsnap_core_snapshot_message(struct dmsnap_snapshot *snapshot, unsigned int argc, char **argv,
				 char *buffer, size_t bytes);

/**
 * dmsnap_core_snapshot_origin_device() - the origin, for dm's iterate_devices.
 * @snapshot: from dmsnap_core_snapshot_create()
 *
 * Context: Table load and swap, and status of the queue's limits. Does not sleep.
 * Return: the device.
 */
struct dmsnap_device *dmsnap_core_snapshot_origin_device(struct dmsnap_snapshot *snapshot);

/**
 * dmsnap_core_snapshot_cow_device() - the COW device, for dm's iterate_devices.
 * @snapshot: from dmsnap_core_snapshot_create()
 *
 * Context: Table load and swap, and status of the queue's limits. Does not sleep.
 * Return: the device.
 */
struct dmsnap_device *dmsnap_core_snapshot_cow_device(struct dmsnap_snapshot *snapshot);

/**
 * dmsnap_core_snapshot_discard_sectors() - granularity and limit of a discard:
 * the chunk size, in sectors; 0 if the snapshot takes no discards.  Before a handover
 * it is that of the store to be taken over.
 * @snapshot: from dmsnap_core_snapshot_create()
 *
 * Context: Table load and swap. Sleeps for a lock.
 * Return: sectors.
 */
uint32_t dmsnap_core_snapshot_discard_sectors(struct dmsnap_snapshot *snapshot);

/**
 * dmsnap_core_origin_create() - constructor of a snapshot-origin target.
 * Arguments as dmsnap_core_snapshot_create().
 * @target: the target, as dm core handed it to the constructor
 * @argc: number of words
 * @argv: the words; not changed, not kept
 * @origin: set on success
 * @traits: filled on success
 * @error: on failure set to a static string for the user
 *
 * Context: Table load. noio. May sleep.
 * Return: 0, or a negative errno.
 */
int dmsnap_core_origin_create(struct dmsnap_target *target, unsigned int argc, char **argv,
			      struct dmsnap_origin **origin, struct dmsnap_target_traits *traits,
			      const char **error);

/**
 * dmsnap_core_origin_destroy() - destructor.  No bio of the target is in flight.
 * @origin: from dmsnap_core_origin_create()
 *
 * Context: End of the table; the device has no bio in flight. noio. Sleeps.
 */
void dmsnap_core_origin_destroy(struct dmsnap_origin *origin);

/**
 * dmsnap_core_origin_map() - map a bio of the origin.  A write is held until every
 * snapshot that needs the old content has it durably.
 * @origin: from dmsnap_core_origin_create()
 * @bio: from the map upcall
 * @desc: what the bio asks for; read during the call only
 * @io: the core's space in the bio, dmsnap_core_io_bytes() bytes
 *
 * Context: Submission of a bio, on many CPUs at a time. Does not sleep.
 * Return: what dm does with the bio.
 */
enum dmsnap_map dmsnap_core_origin_map(struct dmsnap_origin *origin, struct dmsnap_bio *bio,
				       const struct dmsnap_bio_desc *desc, void *io);

/**
 * dmsnap_core_origin_begin_suspend() - a suspend begins.
 * @origin: from dmsnap_core_origin_create()
 *
 * Writes to the origin must end soon: none waits any more for a COW device to be extended.
 *
 * Context: Before a suspend, suspend_lock held. Does not sleep.
 */
void dmsnap_core_origin_begin_suspend(struct dmsnap_origin *origin);

/**
 * dmsnap_core_origin_end_suspend() - a suspend has ended all I/O, or has failed.
 * @origin: from dmsnap_core_origin_create()
 *
 * May be called even if no suspend has begun.
 *
 * Context: After a suspend, or one that failed; suspend_lock held. Does not sleep.
 */
void dmsnap_core_origin_end_suspend(struct dmsnap_origin *origin);

/**
 * dmsnap_core_origin_status() - see dmsnap_core_snapshot_status().
 * @origin: from dmsnap_core_origin_create()
 * @type: which of the texts
 * @buffer: where the text goes
 * @bytes: size of @buffer
 *
 * Context: Any time between constructor and destructor, also under I/O. Sleeps for a
 * lock.
 * Return: as dmsnap_core_snapshot_status().
 */
size_t dmsnap_core_origin_status(struct dmsnap_origin *origin, enum dmsnap_status type,
				 char *buffer, size_t bytes);

/**
 * dmsnap_core_origin_device() - the device under a snapshot-origin.
 * @origin: from dmsnap_core_origin_create()
 *
 * Context: Table load and swap, and status of the queue's limits. Does not sleep.
 * Return: the device.
 */
struct dmsnap_device *dmsnap_core_origin_device(struct dmsnap_origin *origin);

#ifdef __cplusplus
}
#endif

#endif
