// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/port/bio.hpp"

#include <cerrno>

#include "fuzz/port/context.hpp"

using namespace dmsnap::fuzz;

void dmsnap_bio::end_map(dmsnap_map result)
{
	if (state_ != State::mapping) {
		if (result != DMSNAP_MAP_HELD)
			die("map returned %d for a bio that the core has already handled", result);
		return;
	}
	state_ = State::held;
	if (result == DMSNAP_MAP_REMAPPED)
		submit();
	else if (result == DMSNAP_MAP_KILL)
		end(-EIO);
}

void dmsnap_bio::accept(uint32_t sectors)
{
	if (state_ != State::mapping)
		die("bio_accept outside map");
	if (desc_.op != DMSNAP_BIO_READ && desc_.op != DMSNAP_BIO_WRITE)
		die("bio_accept on a bio that is neither read nor write");
	if (sectors == 0 || sectors > desc_.sectors)
		die("bio_accept of %u of %u sectors", sectors, desc_.sectors);
	desc_.sectors = sectors;
}

void dmsnap_bio::check_may_settle(const char *what)
{
	if (state_ != State::mapping && state_ != State::held)
		die("%s of a bio that the core does not own", what);
}

void dmsnap_bio::remap(dmsnap_device *device, uint64_t sector)
{
	check_may_settle("bio_remap");
	device_ = device;
	device_sector_ = sector;
}

int dmsnap_bio::fly(dmsnap_device *device, uint64_t sector)
{
	Op op;
	switch (desc_.op) {
	case DMSNAP_BIO_READ:
		op = Op::read;
		break;
	case DMSNAP_BIO_WRITE:
		op = Op::write;
		break;
	case DMSNAP_BIO_FLUSH:
		op = Op::flush;
		break;
	case DMSNAP_BIO_DISCARD:
		op = Op::discard;
		break;
	default:
		die("a bio with an unknown operation is submitted");
	}
	if (op == Op::write && !device->writable)
		die("a bio writes to %s, which is open for reading", device->device->name());
	uint64_t sectors = desc_.sectors;
	int error = device->device->begin(op, desc_.fua ? DMSNAP_IO_FUA : 0, sector, sectors);
	device->device->transfer(op, sector, sectors, data_);
	return error;
}

void dmsnap_bio::submit()
{
	check_may_settle("bio_submit");
	if (!device_)
		die("bio_submit of a bio that was not remapped");
	state_ = State::flying;
	complete(
		[](void *ctx, int error) {
			auto *bio = static_cast<dmsnap_bio *>(ctx);
			bio->state_ = State::ended;
			bio->on_end_(*bio, error);
		},
		this, fly(device_, device_sector_));
}

void dmsnap_bio::submit_watched(dmsnap_device *device, uint64_t sector, dmsnap_io_done done,
				void *ctx)
{
	check_may_settle("bio_submit_watched");
	if (watched_done_)
		die("bio_submit_watched a second time");
	watched_done_ = done;
	watched_ctx_ = ctx;
	state_ = State::watched;
	complete(
		[](void *of, int error) {
			auto *bio = static_cast<dmsnap_bio *>(of);
			bio->state_ = State::held;
			bio->watched_done_(bio->watched_ctx_, error);
		},
		this, fly(device, sector));
}

void dmsnap_bio::end(int error)
{
	check_may_settle("bio_end");
	state_ = State::ended;
	on_end_(*this, error);
}

void dmsnap_port_bio_accept(dmsnap_bio *bio, uint32_t sectors)
{
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
	bio->submit();
}

void dmsnap_port_bio_submit_watched(dmsnap_bio *bio, dmsnap_device *device, uint64_t sector,
				    dmsnap_io_done done, void *ctx)
{
	check_may_watch(__func__);
	check_no_lock(__func__);
	bio->submit_watched(device, sector, done, ctx);
}

void dmsnap_port_bio_end(dmsnap_bio *bio, int error)
{
	check_no_lock(__func__);
	bio->end(error);
}
