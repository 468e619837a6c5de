/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Slab caches whose objects the kernel does not clear (init_on_alloc), and reserves of them.  The
 * user of an object initialises it.
 */
#ifndef DMSNAP_KERNEL_SLAB_H
#define DMSNAP_KERNEL_SLAB_H

#include <linux/mempool.h>
#include <linux/slab.h>

/** dmsnap_slab_create() - a cache of objects of @bytes.  Return: the cache, or NULL. */
struct kmem_cache *dmsnap_slab_create(const char *name, size_t bytes, size_t align);

/** dmsnap_slab_reserve() - fill @pool with @count objects of @slab.  Return: 0 or -ENOMEM. */
int dmsnap_slab_reserve(mempool_t *pool, int count, struct kmem_cache *slab);

#endif
