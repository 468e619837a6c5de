// SPDX-License-Identifier: GPL-2.0-only
/*
 * Machine: what is kept from one input to the next, because it takes long to build: the
 * loaded core, the devices, and the target snapshot-origin over one of them.
 */
#pragma once

#include "fuzz/port/device.hpp"
#include "fuzz/port/table.hpp"

namespace dmsnap::fuzz {

class Machine {
public:
	static constexpr char origin_name[] = "252:0";
	static constexpr char cow_name[] = "252:1";

	/* Created at the first call. */
	static Machine &instance();

	/* Sector n of the one holds origin_word + n. */
	static constexpr uint64_t origin_word = 0x6f72'6967'0000'0000;
	Device &origin() { return origin_; }
	/* The COW device holds zeros, or contents that are not like a store. */
	Device &use_cow(bool of_noise);

	/* snapshot-origin; resumed. */
	Table &origin_target() { return origin_target_; }

	/* Lets everything end; everything allocated since the machine was created must be freed. */
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
