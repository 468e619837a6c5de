// SPDX-License-Identifier: GPL-2.0-only
/*
 * The bio part of the port: contexts are checked here, the rest in bio.cpp.
 */
#include <dmsnap/port/bio.h>

#include "user/bio.hpp"
#include "user/context.hpp"
#include "user/world.hpp"

using namespace dmsnap::user;

void dmsnap_port_bio_accept(dmsnap_bio *bio, uint32_t sectors)
{
	World::preempt();
	bio->accept(sectors);
}

void dmsnap_port_bio_remap(dmsnap_bio *bio, dmsnap_device *device, uint64_t sector)
{
	bio->remap(device, sector);
}

void dmsnap_port_bio_submit(dmsnap_bio *bio)
{
	check_may_sleep(__func__);
	check_no_lock(__func__);
	World::preempt();
	bio->submit();
}

void dmsnap_port_bio_submit_watched(dmsnap_bio *bio, dmsnap_device *device, uint64_t sector,
				    dmsnap_io_done done, void *ctx)
{
	check_may_watch(__func__);
	check_no_lock(__func__);
	World::preempt();
	bio->submit_watched(device, sector, done, ctx);
}

void dmsnap_port_bio_end(dmsnap_bio *bio, int error)
{
	check_no_lock(__func__);
	bio->end(error);
}
