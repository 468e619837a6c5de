// SPDX-License-Identifier: GPL-2.0-only
/*
 * Machine: what stays from one input to the next because it is slow to build: the loaded core, the
 * devices, and a snapshot-origin target over one of them.
 */
#pragma once

#include "fuzz/port/device.hpp"
#include "fuzz/port/table.hpp"

namespace dmsnap::fuzz {

class Machine {
public:
	static constexpr char origin_name[] = "252:0";
	static constexpr char cow_name[] = "252:1";

	/* Created by the first call. */
	static Machine &instance();

	/* Sector n of the origin holds origin_word + n. */
	static constexpr uint64_t origin_word = 0x6f72'6967'0000'0000;
	Device &origin() { return origin_; }
	/* The COW device with zeros, or with noise that is no store. */
	Device &use_cow(bool of_noise);

	/* The snapshot-origin target; it is resumed. */
	Table &origin_target() { return origin_target_; }

	/* Lets all I/O end; all memory allocated since the machine was made must be freed. */
	void check_nothing_left();

private:
	static constexpr uint64_t noise_word = 0x6e6f'6973'0000'0000;

	Machine();

	Device origin_{origin_name, 1, origin_word};
	Device zeros_{cow_name, 2, 0};
	Device noise_{cow_name, 2, noise_word};
	Table origin_target_;
	size_t objects_ = 0;
	size_t pages_ = 0;
};

} // namespace dmsnap::fuzz
