// SPDX-License-Identifier: GPL-2.0-only
/*
 * Session: an accepted store in use.  The input chooses what the users of the snapshot and the
 * origin do, which I/O fails, and when the store is reloaded, handed over or merged.  A fault may
 * invalidate the snapshot, but must not harm the origin.
 */
#pragma once

#include <memory>

#include "fuzz/port/table.hpp"
#include "fuzz/store/model.hpp"
#include "fuzz/store/setup.hpp"

namespace dmsnap::fuzz {

class Session {
public:
	/* The longest I/O. */
	static constexpr uint64_t io_sectors_max = 128;

	/* @table must be loaded, and @listing be that of the store on the COW device. */
	Session(Input &input, Setup &setup, Machine &machine, std::unique_ptr<Table> table,
		const Listing &listing);

	void run();

private:
	enum class Health : uint8_t { good, overflowed, invalid };

	/* A part of the device, as the input chooses. */
	struct Extent {
		uint64_t sector;
		uint64_t sectors;
	};

	void act(uint8_t action);
	Extent extent(uint64_t device_sectors);
	uint64_t fill(uint64_t sectors);
	bool fits(const Extent &at) const;

	void read();
	void write(bool fua);
	void write_origin();
	void flush();
	void discard();
	void turn();
	void hand_over(TargetType to);
	void begin_merge();
	void stop_merging();
	void fail_an_io();
	void run_short_of_memory();
	void grow();
	void finish_merge();

	void look_at_status();
	void load_again();
	void check_devices(const Listing &listing);
	void check_reads();

	static constexpr unsigned int actions_max = 24;

	Input &input_;
	Setup &setup_;
	Machine &machine_;
	std::unique_ptr<Table> table_;
	TargetType type_ = TargetType::snapshot;
	Health health_ = Health::good;
	/* The input made I/O or memory fail, so the snapshot may be invalid. */
	bool trouble_ = false;
	/* No write has failed, so it is known which chunks the snapshot has. */
	bool chunks_known_ = true;
	/* A write found no room since the last check of the status. */
	bool no_room_ = false;
	uint64_t next_word_ = uint64_t{1} << 32;
	Model &model_;
	Listing listing_;
};

} // namespace dmsnap::fuzz
