/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the core does with a bio that dm handed to a target.
 *
 * Life of a bio: it comes in through a map upcall.  The core either remaps it
 * (map returns DMSNAP_MAP_REMAPPED and dm submits it), or holds it (returns
 * DMSNAP_MAP_HELD) and later calls exactly one of dmsnap_port_bio_submit() and
 * dmsnap_port_bio_end(), possibly after one dmsnap_port_bio_submit_watched().
 */
#ifndef DMSNAP_PORT_BIO_H
#define DMSNAP_PORT_BIO_H

#include <dmsnap/port/device.h>
#include <dmsnap/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A dm bio.  Opaque. */
struct dmsnap_bio;

/**
 * dmsnap_port_bio_accept() - take only the first @sectors of the bio.
 * @bio: from the map upcall
 * @sectors: how many it takes
 *
 * dm sends the rest as another bio.  Call this only inside the map upcall of that bio,
 * before anything else can see it, and only for reads and writes (never for a flush or
 * one of several duplicates: dm would BUG()); 0 < @sectors <= the bio's length.
 *
 * Context: Any; only in the map upcall of that bio, before it is remapped. Does not
 * sleep.
 */
void dmsnap_port_bio_accept(struct dmsnap_bio *bio, uint32_t sectors);

/**
 * dmsnap_port_bio_remap() - set the bio's device and first sector.
 * @bio: from the map upcall
 * @device: where it goes
 * @sector: first sector on @device
 *
 * Context: Any.
 */
void dmsnap_port_bio_remap(struct dmsnap_bio *bio, struct dmsnap_device *device, uint64_t sector);

/**
 * dmsnap_port_bio_submit() - submit a held bio to where it was remapped; it ends
 * by itself.  The per-bio data (dmsnap_core_io_bytes()) may be gone on return.
 * @bio: from the map upcall
 *
 * Context: Process context, no lock held. May sleep.
 */
void dmsnap_port_bio_submit(struct dmsnap_bio *bio);

/**
 * dmsnap_port_bio_submit_watched() - submit a held bio to @device, and get it back.
 * @bio: from the map upcall
 * @device: where it goes
 * @sector: first sector on @device
 * @done: called once, with 0 or a negative errno, interrupt context, must not sleep;
 *        the bio is then held again and must be ended by dmsnap_port_bio_end()
 * @ctx: handed to @done
 *
 * Context: Process context, no lock held. May sleep.
 */
void dmsnap_port_bio_submit_watched(struct dmsnap_bio *bio, struct dmsnap_device *device,
				    uint64_t sector, dmsnap_io_done done, void *ctx);

/**
 * dmsnap_port_bio_end() - complete a held bio.
 * @bio: from the map upcall
 * @error: 0 or a negative errno
 *
 * Context: Any, no lock held.
 */
void dmsnap_port_bio_end(struct dmsnap_bio *bio, int error);

#ifdef __cplusplus
}
#endif

#endif
