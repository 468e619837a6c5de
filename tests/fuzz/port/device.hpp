// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device: a small block device in memory.  An I/O takes effect when it is submitted, and ends at
 * once or when the crank turns.  There are no crashes; the simulator has those.
 *
 * A reset is fast because it restores only the sectors that were written.
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

/* A sector holds the same word 64 times, so one word identifies it. */
constexpr size_t words_per_sector = sector_size / sizeof(uint64_t);
void fill_sector(uint8_t *sector, uint64_t word);
/* Sets @word to the sector's word.  Returns false if the sector has other contents. */
bool sector_word(const uint8_t *sector, uint64_t &word);

/* The operation of an I/O. */
enum class Op : uint8_t { read, write, zero, discard, flush };

class Device {
public:
	static constexpr uint64_t sectors_max = 8448;

	/*
	 * Sector n of a device after reset() holds @first_word + n, or zeros if @first_word is 0.
	 * @name: how table lines name it, "major:minor"
	 */
	Device(const char *name, uint64_t id, uint64_t first_word);
	Device(const Device &) = delete;
	Device &operator=(const Device &) = delete;

	/* Restores the contents, sets the size and removes faults. */
	void reset(uint64_t sectors, uint32_t block_sectors);
	void resize(uint64_t sectors) { sectors_ = sectors; }

	const char *name() const { return name_; }
	uint64_t id() const { return id_; }
	uint64_t sectors() const { return sectors_; }
	uint32_t block_sectors() const { return block_sectors_; }

	const uint8_t *at(uint64_t sector) const { return &data_[sector * sector_size]; }
	/* For changes of @bytes bytes without I/O. */
	uint8_t *poke(uint64_t byte, size_t bytes);

	/* The number of changes by I/O so far. */
	uint64_t writes() const { return writes_; }

	/*
	 * The @n-th I/O of this kind from now fails (1: the next one; Op::flush includes the flush
	 * before a write).  @torn: half of a write takes effect.
	 */
	void fail_nth(Op op, unsigned int n, bool torn);
	void fail_nothing();

	/*
	 * Begins an I/O.  Returns 0 or its error.  Sets @sectors to how many to transfer(), which
	 * may be fewer.
	 */
	int begin(Op op, unsigned int flags, uint64_t sector, uint64_t &sectors);
	/* Reads or writes.  Nothing else may use @data. */
	void transfer(Op op, uint64_t sector, uint64_t sectors, uint8_t *data);

	unsigned int opens = 0;

private:
	/* The unit in which contents are restored. */
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

/* Lets table lines name it; replaces an earlier device of this number. */
void plug_in(Device &device);
/* The device with this name, or nullptr. */
Device *find_device(std::string_view name);

/* I/O ends while it is submitted, and not when the crank turns. */
extern bool complete_at_once;
void complete(Crank::Done done, void *ctx, int error);

} // namespace dmsnap::fuzz

/* A block device as opened for a target. */
struct dmsnap_device {
	dmsnap::fuzz::Device *device;
	bool writable;
};
