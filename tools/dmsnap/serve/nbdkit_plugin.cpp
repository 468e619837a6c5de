// SPDX-License-Identifier: GPL-2.0-only
/*
 * A plugin for nbdkit that shows a snapshot, read-only:
 *
 *	nbdkit dmsnap store=cow.img origin=origin.img
 *
 * "dmsnap serve" runs it so.  Built into nbdkit-dmsnap-plugin.so, with the parts of the
 * program that it needs.
 */
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include <cstring>
#include <memory>

#include "serve/snapshot_view.hpp"

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

namespace {

using namespace dmsnap::tool;

StoreOptions options;
/* One for all connections, so the images are locked once. */
std::unique_ptr<SnapshotView> view;

/* C callers cannot handle exceptions. */
template <typename Call> int guarded(const Call &call)
try {
	call();
	return 0;
} catch (const std::exception &error) {
	nbdkit_error("%s", error.what());
	return -1;
}

int config(const char *key, const char *value)
{
	return guarded([&] {
		if (std::strcmp(key, "store") == 0)
			options.store = value;
		else if (std::strcmp(key, "origin") == 0)
			options.origin = value;
		else
			throw Failure(std::string("unknown parameter: ") + key);
	});
}

int config_complete()
{
	return guarded([] {
		if (options.store.empty() || options.origin.empty())
			throw Failure("store=STORE and origin=ORIGIN are needed");
	});
}

/* Before the first connection, so that errors are reported at once. */
int get_ready()
{
	return guarded([] { view = std::make_unique<SnapshotView>(options); });
}

void unload()
{
	view.reset();
}

void *open(int)
{
	return view.get();
}

int64_t get_size(void *)
{
	return static_cast<int64_t>(view->bytes());
}

/* All connections see the same. */
int can_multi_conn(void *)
{
	return 1;
}

int pread(void *, void *buffer, uint32_t count, uint64_t offset, uint32_t)
{
	if (view->read(offset, {static_cast<std::byte *>(buffer), count}))
		return 0;
	nbdkit_error("%u bytes at %llu cannot be read", count,
		     static_cast<unsigned long long>(offset));
	nbdkit_set_error(EIO);
	return -1;
}

nbdkit_plugin make_plugin()
{
	nbdkit_plugin plugin = {};
	plugin.name = "dmsnap";
	plugin.version = DMSNAP_VERSION;
	plugin.longname = "snapshot of device mapper";
	plugin.description = "shows a snapshot of its origin and its store, read-only";
	plugin.config_help = "store=STORE    (needed) COW device, or an image of one\n"
			     "origin=ORIGIN  (needed) its origin, or an image of it";
	plugin.unload = unload;
	plugin.config = config;
	plugin.config_complete = config_complete;
	plugin.get_ready = get_ready;
	plugin.open = open;
	plugin.get_size = get_size;
	plugin.can_multi_conn = can_multi_conn;
	plugin.pread = pread;
	plugin.errno_is_preserved = 0;
	return plugin;
}

nbdkit_plugin plugin = make_plugin();

} // namespace

NBDKIT_REGISTER_PLUGIN(plugin)
