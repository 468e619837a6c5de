// SPDX-License-Identifier: GPL-2.0-only
#include "user/bio.hpp"

#include <cerrno>
#include <utility>

#include "user/failure.hpp"

using namespace dmsnap::user;

dmsnap_bio::dmsnap_bio(const dmsnap_bio_desc &desc, std::span<uint8_t> data,
		       std::function<void(int error)> on_end)
    : desc_(desc), data_(data), on_end_(std::move(on_end))
{
}

dmsnap_bio::~dmsnap_bio()
{
	if (state_ != State::ended && state_ != State::fresh)
		report_failure("a bio for sector %llu was never ended",
			       static_cast<unsigned long long>(desc_.sector));
}

void dmsnap_bio::begin_map()
{
	state_ = State::mapping;
}

void dmsnap_bio::end_map(dmsnap_map result)
{
	bool settled = state_ != State::mapping;
	if (settled && result != DMSNAP_MAP_HELD)
		report_failure("map returned %d for a bio that the core has settled", result);
	if (settled)
		return;
	state_ = State::held;
	switch (result) {
	case DMSNAP_MAP_HELD:
		break;
	case DMSNAP_MAP_REMAPPED:
		if (!device_) {
			report_failure("map said remapped, but did not remap");
			finish(-EIO);
			break;
		}
		submit();
		break;
	case DMSNAP_MAP_KILL:
		finish(-EIO);
		break;
	}
}

void dmsnap_bio::accept(uint32_t sectors)
{
	if (state_ != State::mapping)
		report_failure("bio_accept outside map");
	if (desc_.op != DMSNAP_BIO_READ && desc_.op != DMSNAP_BIO_WRITE)
		report_failure("bio_accept on a bio that is neither read nor write");
	if (sectors == 0 || sectors > desc_.sectors) {
		report_failure("bio_accept of %u of %u sectors", sectors, desc_.sectors);
		return;
	}
	desc_.sectors = sectors;
	data_ = data_.first(sectors * size_t{512});
}

void dmsnap_bio::remap(dmsnap_device *device, uint64_t sector)
{
	if (state_ != State::mapping && state_ != State::held)
		report_failure("bio_remap of a bio that the core does not have");
	device_ = device;
	device_sector_ = sector;
}

bool dmsnap_bio::may_settle(const char *what)
{
	if (state_ == State::mapping || state_ == State::held)
		return true;
	report_failure("%s of a bio that the core does not have", what);
	return false;
}

void dmsnap_bio::fly(dmsnap_device *device, uint64_t sector, std::function<void(int error)> done)
{
	DeviceIo io;
	switch (desc_.op) {
	case DMSNAP_BIO_READ:
		io.op = Op::read;
		break;
	case DMSNAP_BIO_WRITE:
		io.op = Op::write;
		break;
	case DMSNAP_BIO_FLUSH:
		io.op = Op::flush;
		break;
	case DMSNAP_BIO_DISCARD:
		io.op = Op::discard;
		break;
	case DMSNAP_BIO_OTHER:
		report_failure("a bio of an unknown operation is sent on");
		break;
	}
	/* Like the block layer, allow a discard: a snapshot passes it down to its origin. */
	if (!device->writable && (io.op == Op::write || io.op == Op::zero))
		report_failure("a bio writes to %s, which is open for reading",
			       device->device->options().name.c_str());
	if (desc_.fua)
		io.flags |= DMSNAP_IO_FUA;
	if (io.op != Op::flush) {
		io.sector = sector;
		io.sectors = desc_.sectors;
	}
	if (!data_.empty())
		io.data.push_back(data_);
	io.opened = device;
	io.done = std::move(done);
	device->device->submit(std::move(io));
}

void dmsnap_bio::submit()
{
	if (!may_settle("bio_submit"))
		return;
	if (!device_) {
		report_failure("bio_submit of a bio that was not remapped");
		finish(-EIO);
		return;
	}
	state_ = State::flying;
	fly(device_, device_sector_, [this](int error) { finish(error); });
}

void dmsnap_bio::submit_watched(dmsnap_device *device, uint64_t sector, dmsnap_io_done done,
				void *ctx)
{
	if (!may_settle("bio_submit_watched"))
		return;
	if (std::exchange(watched_once_, true))
		report_failure("bio_submit_watched a second time");
	state_ = State::watched;
	fly(device, sector, [this, done, ctx](int error) {
		state_ = State::held;
		done(ctx, error);
	});
}

void dmsnap_bio::end(int error)
{
	if (may_settle("bio_end"))
		finish(error);
}

void dmsnap_bio::finish(int error)
{
	state_ = State::ended;
	/* The callback may destroy this bio. */
	auto on_end = std::move(on_end_);
	on_end(error);
}
