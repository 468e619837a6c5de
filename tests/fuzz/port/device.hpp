// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device: a small block device in memory.  An I/O is done when it is submitted,
 * and ends at once or when the crank turns.  There are no crashes:
 * the simulator has those.
 *
 * Resetting its content is fast: only written sectors are restored.
 */
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <dmsnap/port/device.h>

#include "fuzz/port/crank.hpp"

namespace dmsnap::fuzz {

constexpr size_t sector_size = 512;

/* Content of a sector: 64 times the same word, so that one word identifies it. */
constexpr size_t words_per_sector = sector_size / sizeof(uint64_t);
void fill_sector(uint8_t *sector, uint64_t word);
/* The word, or false if the sector has other contents. */
bool sector_word(const uint8_t *sector, uint64_t &word);

/* The operation of an I/O. */
enum class Op : uint8_t { read, write, zero, discard, flush };

class Device {
public:
	static constexpr uint64_t sectors_max = 8448;

	/*
	 * Sector n of a fresh device holds @first_word + n, or zeros if that is 0.
	 * @name: its name in a table line, "major:minor"
	 */
	Device(const char *name, uint64_t id, uint64_t first_word);
	Device(const Device &) = delete;
	Device &operator=(const Device &) = delete;

	/* Fresh, of this size, without faults. */
	void reset(uint64_t sectors, uint32_t block_sectors);
	void resize(uint64_t sectors) { sectors_ = sectors; }

	const char *name() const { return name_; }
	uint64_t id() const { return id_; }
	uint64_t sectors() const { return sectors_; }
	uint32_t block_sectors() const { return block_sectors_; }

	const uint8_t *at(uint64_t sector) const { return &data_[sector * sector_size]; }
	/* For code that changes @bytes bytes there without an I/O. */
	uint8_t *poke(uint64_t byte, size_t bytes);

	/* Changes of the content by I/O so far. */
	uint64_t writes() const { return writes_; }

	/*
	 * The @n-th I/O of this kind fails from now on (1 = the next; Op::flush: also
	 * the flush before a write).  @torn: half of a write is done.
	 */
	void fail_nth(Op op, unsigned int n, bool torn);
	void fail_nothing();

	/*
	 * Begins an I/O: 0, or its error.  On return @sectors says how many to
	 * transfer(), which may be fewer.
	 */
	int begin(Op op, unsigned int flags, uint64_t sector, uint64_t &sectors);
	/* Reads or writes; @data is not used by others. */
	void transfer(Op op, uint64_t sector, uint64_t sectors, uint8_t *data);

	unsigned int opens = 0;

private:
	/* Sectors that are restored together. */
	static constexpr size_t block_bytes = 4096;
	static constexpr size_t blocks = sectors_max * sector_size / block_bytes;

	void touch(uint64_t byte, size_t bytes);
	bool fails(Op op, bool &torn);

	const char *name_;
	uint64_t id_;
	uint64_t first_word_;
	uint64_t sectors_ = 0;
	uint32_t block_sectors_ = 1;
	uint64_t writes_ = 0;
	std::vector<uint8_t> data_;
	std::vector<uint8_t> fresh_;
	bool touched_[blocks] = {};
	std::vector<uint16_t> touched_list_;
	struct Fault {
		unsigned int left = 0;
		bool torn = false;
	};
	Fault faults_[5];
};

/* Table lines can name it from now on; it replaces an earlier one of this number. */
void plug_in(Device &device);
/* The device with that name, or nullptr. */
Device *find_device(std::string_view name);

/* Whether I/Os end while they are submitted, or when the crank turns. */
extern bool complete_at_once;
void complete(Crank::Done done, void *ctx, int error);

} // namespace dmsnap::fuzz

/* A block device opened for one target. */
struct dmsnap_device {
	dmsnap::fuzz::Device *device;
	bool writable;
};
