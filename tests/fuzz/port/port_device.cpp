// SPDX-License-Identifier: GPL-2.0-only
/* The port's devices: finds them, and checks the arguments of an I/O. */
#include <dmsnap/port/device.h>
#include <dmsnap/port/memory.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "fuzz/port/context.hpp"
#include "fuzz/port/device.hpp"
#include "fuzz/port/memory.hpp"
#include "user/target.hpp"

using namespace dmsnap::fuzz;

int dmsnap_port_device_find(const char *path, uint64_t *id)
{
	check_may_sleep(__func__);
	Device *device = find_device(path);
	if (!device)
		return -ENODEV;
	*id = device->id();
	return 0;
}

int dmsnap_port_device_open(dmsnap_target *target, const char *path, dmsnap_device_mode mode,
			    dmsnap_device **device)
{
	check_may_sleep(__func__);
	Device *found = find_device(path);
	if (!found)
		return -ENODEV;
	bool writable = mode == DMSNAP_DEVICE_WRITE ||
			(mode == DMSNAP_DEVICE_TABLE && !target->read_only);
	found->opens++;
	memory.objects_out++;
	*device = new dmsnap_device{found, writable};
	return 0;
}

/* No process is killed in the fuzzers. */
int dmsnap_port_device_detach(dmsnap_target *, dmsnap_device *)
{
	return 0;
}

void dmsnap_port_device_close(dmsnap_target *, dmsnap_device *device)
{
	check_may_sleep(__func__);
	device->device->opens--;
	memory.objects_out--;
	delete device;
}

uint64_t dmsnap_port_device_id(const dmsnap_device *device)
{
	return device->device->id();
}

void dmsnap_port_device_name(const dmsnap_device *device, char *name)
{
	std::snprintf(name, DMSNAP_DEVICE_NAME_BYTES, "%s", device->device->name());
}

uint64_t dmsnap_port_device_sectors(const dmsnap_device *device)
{
	return device->device->sectors();
}

uint32_t dmsnap_port_device_block_sectors(const dmsnap_device *device)
{
	return device->device->block_sectors();
}

bool dmsnap_port_device_write_protected(const dmsnap_device *)
{
	return false;
}

namespace {

void check_arguments(const dmsnap_device *device, dmsnap_io_op op, unsigned int flags,
		     uint64_t sector, uint64_t sectors, uint32_t offset)
{
	uint32_t block = device->device->block_sectors();
	if ((sectors == 0) != (op == DMSNAP_IO_FLUSH) || sector % block || sectors % block)
		die("I/O of %llu sectors at %llu on %s, of %u sectors a block",
		    static_cast<unsigned long long>(sectors),
		    static_cast<unsigned long long>(sector), device->device->name(), block);
	if (offset % sector_size || offset >= DMSNAP_PAGE_SIZE)
		die("I/O begins at byte %u of its first page", offset);
	if (op != DMSNAP_IO_READ && !device->writable)
		die("I/O writes to %s, which is open for reading", device->device->name());
	if (flags & (DMSNAP_IO_PREFLUSH | DMSNAP_IO_FUA)) {
		if (op != DMSNAP_IO_WRITE)
			die("PREFLUSH or FUA on an operation other than a write");
		if (sectors > DMSNAP_IO_ATOMIC_SECTORS)
			die("write of %llu sectors with PREFLUSH or FUA",
			    static_cast<unsigned long long>(sectors));
	}
}

} // namespace

void dmsnap_port_io_submit(dmsnap_device *device, dmsnap_io_op op, unsigned int flags,
			   uint64_t sector, uint64_t sectors, void *const *pages, uint32_t offset,
			   dmsnap_io_done done, void *ctx)
{
	constexpr Op ops[] = {Op::read, Op::write, Op::zero, Op::discard, Op::flush};

	check_may_sleep(__func__);
	check_no_lock(__func__);
	check_arguments(device, op, flags, sector, sectors, offset);
	if (op == DMSNAP_IO_READ || op == DMSNAP_IO_WRITE) {
		uint64_t bytes = offset + sectors * sector_size;
		for (uint64_t page = 0; page * DMSNAP_PAGE_SIZE < bytes; page++)
			if (!is_page(pages[page]))
				die("I/O on %p, which is not a page of the port", pages[page]);
	}
	uint64_t left = sectors;
	int error = device->device->begin(ops[op], flags, sector, left);
	if (op != DMSNAP_IO_READ && op != DMSNAP_IO_WRITE) {
		device->device->transfer(ops[op], sector, left, nullptr);
		left = 0;
	}
	for (; left; pages++, offset = 0) {
		uint64_t piece =
			std::min<uint64_t>(left, (DMSNAP_PAGE_SIZE - offset) / sector_size);
		device->device->transfer(ops[op], sector, piece,
					 static_cast<uint8_t *>(*pages) + offset);
		sector += piece;
		left -= piece;
	}
	complete(done, ctx, error);
}

void dmsnap_port_plug_begin(dmsnap_plug *)
{
}

void dmsnap_port_plug_end(dmsnap_plug *)
{
	check_may_sleep(__func__);
}
