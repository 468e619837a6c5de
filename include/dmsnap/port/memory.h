/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the core needs of memory.
 *
 * There are three phases: construction may sleep and may fail; the I/O path
 * allocates from a pool or a page reserve made at construction; destruction
 * never allocates.
 */
#ifndef DMSNAP_PORT_MEMORY_H
#define DMSNAP_PORT_MEMORY_H

#include <dmsnap/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Bytes in a page of dmsnap_port_page_alloc(): a power of two; the build names another one. */
#ifndef DMSNAP_PAGE_SIZE
#define DMSNAP_PAGE_SIZE 4096u
#endif

enum dmsnap_alloc_mode {
	/**
	 * Construction: may sleep and reclaim, but starts no I/O to do so (a table
	 * may be loaded while the devices below are suspended).
	 */
	DMSNAP_ALLOC_CONSTRUCT,
	/**
	 * I/O path: never sleeps, never reclaims, and fails early, even if the caller
	 * may use the system's emergency reserves.
	 */
	DMSNAP_ALLOC_NOWAIT,
};

/**
 * dmsnap_port_alloc() - zeroed memory of any size.
 * @bytes: > 0; large sizes are possible (vmalloc in the kernel)
 *
 * Context: Process context, a mutex may be held. May sleep. Construction only.
 * Return: memory aligned to 16 bytes, or NULL.
 */
void *dmsnap_port_alloc(size_t bytes);

/**
 * dmsnap_port_free() - free memory of dmsnap_port_alloc().
 * @memory: may be NULL
 *
 * Context: Process context, a mutex may be held. May sleep.
 */
void dmsnap_port_free(void *memory);

/**
 * dmsnap_port_page_alloc() - one page of %DMSNAP_PAGE_SIZE bytes.
 * @mode: whether it may sleep
 *
 * Content is undefined.  Aligned to its size; always has a kernel address.
 *
 * Context: Any for %DMSNAP_ALLOC_NOWAIT. Else process context, a mutex may be held; may
 * sleep.
 * Return: the page's address, or NULL.
 */
void *dmsnap_port_page_alloc(enum dmsnap_alloc_mode mode);

/**
 * dmsnap_port_page_free() - free a page.
 * @page: from dmsnap_port_page_alloc()
 *
 * Context: Any.
 */
void dmsnap_port_page_free(void *page);

/** A pool of equal objects with a reserve.  Opaque. */
struct dmsnap_pool;

/**
 * dmsnap_port_pool_create() - create a pool that can always provide @reserve objects.
 * @name: for slab statistics, under 32 bytes; copied
 * @bytes: size of an object, the same for all pools of one name
 * @reserve: objects held back for when memory is short, > 0
 *
 * Context: Process context, a mutex may be held. May sleep. Construction only.
 * Return: the pool, or NULL.
 */
struct dmsnap_pool *dmsnap_port_pool_create(const char *name, size_t bytes, unsigned int reserve);

/**
 * dmsnap_port_pool_destroy() - free a pool.  All objects must have been returned.
 * @pool: from dmsnap_port_pool_create()
 *
 * Context: Process context, a mutex may be held. May sleep.
 */
void dmsnap_port_pool_destroy(struct dmsnap_pool *pool);

/**
 * dmsnap_port_pool_get() - take an object.  Fails if memory is short and the reserve
 * is used up.  Content is undefined.
 * @pool: from dmsnap_port_pool_create()
 *
 * With no object in use, at least @reserve calls succeed.
 *
 * Context: Any. Does not sleep.
 * Return: the object, or NULL.
 */
void *dmsnap_port_pool_get(struct dmsnap_pool *pool);

/**
 * dmsnap_port_pool_put() - return an object.
 * @pool: from dmsnap_port_pool_create()
 * @object: from dmsnap_port_pool_get() of the same pool
 *
 * Context: Any.
 */
void dmsnap_port_pool_put(struct dmsnap_pool *pool, void *object);

/**
 * dmsnap_port_pool_may_keep() - may the core keep objects for later use instead of returning them?
 *
 * Not where the port looks for uses of returned objects.
 *
 * Context: Process context. Construction only.
 * Return: true if it may.
 */
bool dmsnap_port_pool_may_keep(void);

#ifdef __cplusplus
}
#endif

#endif
