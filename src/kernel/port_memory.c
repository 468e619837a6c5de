// SPDX-License-Identifier: GPL-2.0-only
/*
 * port/memory.h on the kernel's allocators.
 *
 * Nothing here starts I/O to get memory, not even construction: a table is often loaded while the
 * origin is suspended, and reclaim might write a page to that origin.
 */
#include <dmsnap/port/memory.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "slab.h"

static_assert(PAGE_SIZE == DMSNAP_PAGE_SIZE);

#define DMSNAP_ALLOC_ALIGN 16

/* The largest kmalloc cache whose size is not a power of two. */
#define DMSNAP_ODD_CACHE_BYTES 192

/**
 * struct dmsnap_cache - a slab cache that all pools of one name share.
 * @link: in caches
 * @slab: its objects
 * @name: as given to dmsnap_port_pool_create()
 * @pools: that use it
 */
struct dmsnap_cache {
	struct list_head link;
	struct kmem_cache *slab;
	char name[32];
	unsigned int pools;
};

/* Shared, because each origin has its pools, and there may be hundreds of origins. */
static LIST_HEAD(caches);
static DEFINE_MUTEX(caches_lock);

struct dmsnap_pool {
	struct dmsnap_cache *cache;
	mempool_t objects;
};

/* init_on_alloc does not clear objects of a cache with a constructor. */
static void construct_nothing(void *object)
{
}

struct kmem_cache *dmsnap_slab_create(const char *name, size_t bytes, size_t align)
{
	return kmem_cache_create(name, bytes, align, 0, construct_nothing);
}

/* mempool's own slab functions refuse a cache with a constructor. */
static void *object_alloc(gfp_t gfp, void *slab)
{
	return kmem_cache_alloc(slab, gfp);
}

static void object_free(void *object, void *slab)
{
	kmem_cache_free(slab, object);
}

int dmsnap_slab_reserve(mempool_t *pool, int count, struct kmem_cache *slab)
{
	return mempool_init(pool, count, object_alloc, object_free, slab);
}

static struct dmsnap_cache *cache_create(const char *name, size_t bytes)
{
	struct dmsnap_cache *cache = kzalloc(sizeof(*cache), GFP_NOIO);

	if (!cache)
		return NULL;
	strscpy(cache->name, name, sizeof(cache->name));
	cache->slab =
		kmem_cache_create(cache->name, bytes, DMSNAP_ALLOC_ALIGN, 0, construct_nothing);
	if (!cache->slab) {
		kfree(cache);
		return NULL;
	}
	list_add(&cache->link, &caches);
	return cache;
}

static struct dmsnap_cache *cache_get(const char *name, size_t bytes)
{
	struct dmsnap_cache *cache;

	mutex_lock(&caches_lock);
	list_for_each_entry(cache, &caches, link) {
		if (!strcmp(cache->name, name))
			goto found;
	}
	cache = cache_create(name, bytes);
found:
	if (cache)
		cache->pools++;
	mutex_unlock(&caches_lock);
	return cache;
}

static void cache_put(struct dmsnap_cache *cache)
{
	mutex_lock(&caches_lock);
	if (--cache->pools == 0) {
		list_del(&cache->link);
		kmem_cache_destroy(cache->slab);
		kfree(cache);
	}
	mutex_unlock(&caches_lock);
}

void *dmsnap_port_alloc(size_t bytes)
{
	/* kmalloc() guarantees alignment only for power-of-two sizes. */
	if (bytes <= DMSNAP_ODD_CACHE_BYTES)
		bytes = roundup_pow_of_two(max_t(size_t, bytes, DMSNAP_ALLOC_ALIGN));
	return kvzalloc(bytes, GFP_NOIO);
}

void dmsnap_port_free(void *memory)
{
	kvfree(memory);
}

/*
 * The write that needs a page on the I/O path may come from reclaim itself, swapping out a page,
 * in a context that may use the last free page (PF_MEMALLOC).  The callers here have their own
 * reserve and can do without; reclaim and the devices below have none and cannot.  Pools need no
 * such flag: mempool_alloc() sets it itself.
 */
void *dmsnap_port_page_alloc(enum dmsnap_alloc_mode mode)
{
	gfp_t gfp = mode == DMSNAP_ALLOC_NOWAIT ? GFP_NOWAIT | __GFP_NOWARN | __GFP_NOMEMALLOC
						: GFP_NOIO;

	return (void *)__get_free_page(gfp);
}

void dmsnap_port_page_free(void *page)
{
	free_page((unsigned long)page);
}

struct dmsnap_pool *dmsnap_port_pool_create(const char *name, size_t bytes, unsigned int reserve)
{
	struct dmsnap_pool *pool;

	pool = kzalloc(sizeof(*pool), GFP_NOIO);
	if (!pool)
		return NULL;
	pool->cache = cache_get(name, bytes);
	if (!pool->cache)
		goto free_pool;
	if (dmsnap_slab_reserve(&pool->objects, reserve, pool->cache->slab))
		goto put_cache;
	return pool;

put_cache:
	cache_put(pool->cache);
free_pool:
	kfree(pool);
	return NULL;
}

void dmsnap_port_pool_destroy(struct dmsnap_pool *pool)
{
	mempool_exit(&pool->objects);
	cache_put(pool->cache);
	kfree(pool);
}

void *dmsnap_port_pool_get(struct dmsnap_pool *pool)
{
	return mempool_alloc(&pool->objects, GFP_NOWAIT | __GFP_NOWARN);
}

void dmsnap_port_pool_put(struct dmsnap_pool *pool, void *object)
{
	mempool_free(object, &pool->objects);
}

bool dmsnap_port_pool_may_keep(void)
{
	return true;
}
