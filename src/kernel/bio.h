/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel binding's per-bio data, and helpers that pass a bio from a map callback to the core,
 * and the core's answer to dm.
 */
#ifndef DMSNAP_KERNEL_BIO_H
#define DMSNAP_KERNEL_BIO_H

#include <dmsnap/core.h>
#include <linux/bio.h>

struct dm_target;

/** dmsnap_bio_init() - before the first target is made. */
void dmsnap_bio_init(void);

/**
 * dmsnap_bio_setup_target() - constructor: what every target of ours wants of dm
 * core for its bios.
 * @ti: the target
 * @traits: what the core has said of it
 */
void dmsnap_bio_setup_target(struct dm_target *ti, const struct dmsnap_target_traits *traits);

/** dmsnap_bio_describe() - unpack a bio that came to a map callback. */
void dmsnap_bio_describe(struct bio *bio, struct dmsnap_bio_desc *desc);

/** dmsnap_bio_io() - the core's space with a bio. */
void *dmsnap_bio_io(struct bio *bio);

/** dmsnap_bio_map_result() - the core's answer in dm's words. */
int dmsnap_bio_map_result(enum dmsnap_map map);

#endif
