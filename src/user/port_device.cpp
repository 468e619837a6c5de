// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device part of the port: finding devices in the current world, checking
 * the arguments of an I/O and gathering its pages.
 */
#include <dmsnap/port/device.h>
#include <dmsnap/port/memory.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <vector>

#include "user/bio.hpp"
#include "user/context.hpp"
#include "user/failure.hpp"
#include "user/memory.hpp"
#include "user/target.hpp"
#include "user/world.hpp"

using namespace dmsnap::user;

int dmsnap_port_device_find(const char *path, uint64_t *id)
{
	check_may_sleep(__func__);
	Device *device = World::current().find_device(path);
	if (!device)
		return -ENODEV;
	*id = device->id();
	return 0;
}

int dmsnap_port_device_open(dmsnap_target *target, const char *path, dmsnap_device_mode mode,
			    dmsnap_device **device)
{
	check_may_sleep(__func__);
	Device *found = World::current().find_device(path);
	if (!found)
		return -ENODEV;
	if (int error = found->open())
		return error;
	bool writable = mode == DMSNAP_DEVICE_WRITE ||
			(mode == DMSNAP_DEVICE_TABLE && !(target && target->read_only));
	*device = new dmsnap_device{.device = found, .writable = writable};
	return 0;
}

/* The world's targets own nothing of a device. */
int dmsnap_port_device_detach(dmsnap_target *, dmsnap_device *)
{
	check_may_sleep(__func__);
	/* In a kernel it opens the device once more. */
	return Memory::instance().construct_fails() ? -ENOMEM : 0;
}

void dmsnap_port_device_close(dmsnap_target *, dmsnap_device *device)
{
	check_may_sleep(__func__);
	device->device->close(device);
}

uint64_t dmsnap_port_device_id(const dmsnap_device *device)
{
	return device->device->id();
}

void dmsnap_port_device_name(const dmsnap_device *device, char *name)
{
	std::snprintf(name, DMSNAP_DEVICE_NAME_BYTES, "%s", device->device->number().c_str());
}

uint64_t dmsnap_port_device_sectors(const dmsnap_device *device)
{
	return device->device->sectors();
}

uint32_t dmsnap_port_device_block_sectors(const dmsnap_device *device)
{
	return device->device->options().block_sectors;
}

bool dmsnap_port_device_write_protected(const dmsnap_device *device)
{
	return device->writable && device->device->options().write_protected;
}

namespace {

void check_arguments(const dmsnap_device *device, dmsnap_io_op op, unsigned int flags,
		     uint64_t sector, uint64_t sectors, uint32_t offset)
{
	const char *name = device->device->options().name.c_str();
	uint32_t block = device->device->options().block_sectors;
	if ((sectors == 0) != (op == DMSNAP_IO_FLUSH) || sector % block || sectors % block)
		report_failure("I/O of %llu sectors at %llu on %s, of %u sectors a block",
			       static_cast<unsigned long long>(sectors),
			       static_cast<unsigned long long>(sector), name, block);
	if (offset % 512 || offset >= DMSNAP_PAGE_SIZE)
		report_failure("I/O begins at byte %u of its first page", offset);
	if (op != DMSNAP_IO_READ && !device->writable)
		report_failure("I/O writes to %s, which is open for reading", name);
	if (flags & (DMSNAP_IO_PREFLUSH | DMSNAP_IO_FUA)) {
		if (op != DMSNAP_IO_WRITE)
			report_failure("PREFLUSH or FUA on something else than a write");
		if (sectors > DMSNAP_IO_ATOMIC_SECTORS)
			report_failure("write of %llu sectors with PREFLUSH or FUA",
				       static_cast<unsigned long long>(sectors));
	}
}

std::vector<std::span<uint8_t>> gather_pages(uint64_t sectors, void *const *pages, uint32_t offset)
{
	std::vector<std::span<uint8_t>> data;
	for (uint64_t left = sectors * 512; left; offset = 0, pages++) {
		if (!Memory::instance().is_page(*pages))
			report_failure("I/O on %p, which is no page of the port", *pages);
		size_t bytes = std::min<uint64_t>(left, DMSNAP_PAGE_SIZE - offset);
		data.emplace_back(static_cast<uint8_t *>(*pages) + offset, bytes);
		left -= bytes;
	}
	return data;
}

/* As the kernel's does for a device that has no such command. */
void write_zeros(DeviceIo &io)
{
	static std::vector<uint8_t> zeros(DMSNAP_PAGE_SIZE);
	for (uint64_t left = io.sectors * 512; left;) {
		size_t bytes = std::min<uint64_t>(left, zeros.size());
		io.data.emplace_back(zeros.data(), bytes);
		left -= bytes;
	}
	io.op = Op::write;
}

} // namespace

void dmsnap_port_io_submit(dmsnap_device *device, dmsnap_io_op op, unsigned int flags,
			   uint64_t sector, uint64_t sectors, void *const *pages, uint32_t offset,
			   dmsnap_io_done done, void *ctx)
{
	check_may_sleep(__func__);
	if (!this_context().held.empty())
		report_failure("dmsnap_port_io_submit with a lock held");
	check_arguments(device, op, flags, sector, sectors, offset);
	World::preempt();

	constexpr Op ops[] = {Op::read, Op::write, Op::zero, Op::discard, Op::flush};
	DeviceIo io;
	io.op = ops[op];
	io.flags = flags;
	io.sector = sector;
	io.sectors = sectors;
	if (op == DMSNAP_IO_READ || op == DMSNAP_IO_WRITE)
		io.data = gather_pages(sectors, pages, offset);
	io.stable = true;
	io.opened = device;
	io.may_outlive = flags & DMSNAP_IO_MAY_OUTLIVE;
	World::current().refer(ctx, "an I/O in flight");
	io.done = [done, ctx](int error) {
		World::current().unrefer(ctx);
		done(ctx, error);
	};
	if (op == DMSNAP_IO_ZERO && !device->device->options().zeroes)
		write_zeros(io);
	else if (op == DMSNAP_IO_DISCARD && !device->device->options().discards)
		io.done = [end = std::move(io.done)](int error) {
			end(error == -EOPNOTSUPP ? 0 : error);
		};
	device->device->submit(std::move(io));
	World::preempt();
}

void dmsnap_port_plug_begin(dmsnap_plug *)
{
}

void dmsnap_port_plug_end(dmsnap_plug *)
{
	check_may_sleep(__func__);
}
