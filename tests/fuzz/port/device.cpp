// SPDX-License-Identifier: GPL-2.0-only
#include "fuzz/port/device.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include "fuzz/port/context.hpp"

namespace dmsnap::fuzz {
namespace {

std::vector<Device *> devices;

} // namespace

bool complete_at_once = false;

void fill_sector(uint8_t *sector, uint64_t word)
{
	for (size_t i = 0; i < words_per_sector; i++)
		std::memcpy(sector + i * sizeof(word), &word, sizeof(word));
}

bool sector_word(const uint8_t *sector, uint64_t &word)
{
	std::memcpy(&word, sector, sizeof(word));
	return std::memcmp(sector, sector + sizeof(word), sector_size - sizeof(word)) == 0;
}

Device::Device(const char *name, uint64_t id, uint64_t first_word)
    : name_(name), id_(id), first_word_(first_word), data_(sectors_max * sector_size)
{
	if (!first_word)
		return;
	for (uint64_t sector = 0; sector < sectors_max; sector++)
		fill_sector(&data_[sector * sector_size], first_word + sector);
	fresh_ = data_;
}

void Device::reset(uint64_t sectors, uint32_t block_sectors)
{
	for (uint16_t block : touched_list_) {
		uint8_t *bytes = &data_[block * block_bytes];
		if (first_word_)
			std::memcpy(bytes, &fresh_[block * block_bytes], block_bytes);
		else
			std::memset(bytes, 0, block_bytes);
		touched_[block] = false;
	}
	touched_list_.clear();
	sectors_ = sectors;
	block_sectors_ = block_sectors;
	writes_ = 0;
	fail_nothing();
}

void Device::touch(uint64_t byte, size_t bytes)
{
	for (size_t block = byte / block_bytes; block * block_bytes < byte + bytes; block++)
		if (!touched_[block]) {
			touched_[block] = true;
			touched_list_.push_back(static_cast<uint16_t>(block));
		}
}

uint8_t *Device::poke(uint64_t byte, size_t bytes)
{
	touch(byte, bytes);
	return &data_[byte];
}

void Device::fail_nth(Op op, unsigned int n, bool torn)
{
	faults_[static_cast<size_t>(op)] = {n, torn};
}

void Device::fail_nothing()
{
	for (Fault &fault : faults_)
		fault = {};
}

bool Device::fails(Op op, bool &torn)
{
	Fault &fault = faults_[static_cast<size_t>(op)];
	if (fault.left == 0 || --fault.left)
		return false;
	torn = fault.torn;
	return true;
}

int Device::begin(Op op, unsigned int flags, uint64_t sector, uint64_t &sectors)
{
	uint64_t asked = sectors;
	bool torn = false;

	if (op != Op::read && op != Op::flush)
		writes_++;
	sectors = 0;
	if (sector > sectors_ || asked > sectors_ - sector)
		return -EIO;
	if (flags & DMSNAP_IO_PREFLUSH && fails(Op::flush, torn))
		return -EIO;
	if (fails(op, torn)) {
		sectors = torn && op != Op::read ? asked / 2 : 0;
		return -EIO;
	}
	sectors = asked;
	return 0;
}

void Device::transfer(Op op, uint64_t sector, uint64_t sectors, uint8_t *data)
{
	constexpr int discarded_byte = 0xdd;
	uint64_t byte = sector * sector_size;
	size_t bytes = sectors * sector_size;

	if (bytes == 0)
		return;
	if (op == Op::read) {
		std::memcpy(data, &data_[byte], bytes);
		return;
	}
	uint8_t *to = poke(byte, bytes);
	if (op == Op::write)
		std::memcpy(to, data, bytes);
	else
		std::memset(to, op == Op::zero ? 0 : discarded_byte, bytes);
}

void plug_in(Device &device)
{
	for (Device *&known : devices)
		if (known->id() == device.id()) {
			known = &device;
			return;
		}
	devices.push_back(&device);
}

Device *find_device(std::string_view name)
{
	for (Device *device : devices)
		if (name == device->name())
			return device;
	return nullptr;
}

void complete(Crank::Done done, void *ctx, int error)
{
	if (!complete_at_once) {
		crank.complete(done, ctx, error);
		return;
	}
	Context own;
	ContextScope scope(own);
	const bool before = std::exchange(on_worker, false);
	own.atomic = true;
	done(ctx, error);
	check_nothing_held(own, "a completion");
	on_worker = before;
}

} // namespace dmsnap::fuzz
