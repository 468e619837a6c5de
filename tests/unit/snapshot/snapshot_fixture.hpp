// SPDX-License-Identifier: GPL-2.0-only
/*
 * SnapshotFixture: a world with an origin disk, named "disk", its snapshot-origin, and the
 * snapshots that a test adds.  The disk is full of Pattern{1, 1}.
 */
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/frozen_image.hpp"
#include "support/pattern.hpp"
#include "user/mapped.hpp"

namespace dmsnap::test {

struct SnapshotFixture {
	/* A snapshot of the disk and its expected contents. */
	struct Snap {
		Snap(user::Device &cow_device, const user::Image &content, uint64_t sectors)
		    : cow(cow_device), frozen(content, sectors)
		{
		}

		user::Mapped mapped{"snapshot"};
		user::Device &cow;
		FrozenImage frozen;
		std::string words;
	};

	explicit SnapshotFixture(uint64_t disk_sectors = 4096, user::WorldOptions options = {})
	    : sectors(disk_sectors), world(options),
	      disk(world.add_device({.name = "disk", .sectors = disk_sectors}))
	{
		world.cow_threshold = 2048;
		disk.poke(0, Pattern{1, 1}.make(0, sectors));
		EXPECT_EQ(origin.create(user::TargetType::origin, sectors, "disk"), 0);
		disk.reset_log();
	}

	/* @store: type, chunk size and features; @length: the snapshot's (0: the disk's). */
	Snap &add(const std::string &store, uint64_t cow_sectors = 16384, uint64_t length = 0)
	{
		std::string name = "cow" + std::to_string(snaps.size());
		user::Device &cow = world.add_device({.name = name, .sectors = cow_sectors});
		length = length ? length : sectors;
		snaps.push_back(std::make_unique<Snap>(cow, disk.content(), length));
		Snap &snap = *snaps.back();
		snap.words = "disk " + name + " " + store;
		EXPECT_EQ(snap.mapped.create(user::TargetType::snapshot, length, snap.words), 0)
			<< snap.mapped.error_text();
		disk.reset_log();
		cow.reset_log();
		return snap;
	}

	/* Contents that were not written before. */
	std::vector<uint8_t> fresh(uint64_t sector, uint64_t count)
	{
		return Pattern{2, ++generation}.make(sector, count);
	}

	/* Write to the origin, or to a snapshot. */
	int write(uint64_t sector, uint64_t count)
	{
		return origin.write(sector, fresh(sector, count));
	}
	user::Mapped::Handle start_write(uint64_t sector, uint64_t count)
	{
		return origin.start_write(sector, fresh(sector, count));
	}
	int write(Snap &snap, uint64_t sector, uint64_t count, bool fua = false)
	{
		std::vector<uint8_t> data = fresh(sector, count);
		int error = snap.mapped.write(sector, data, fua);
		if (!error)
			snap.frozen.write(sector, data);
		return error;
	}

	testing::AssertionResult right(Snap &snap) { return right(snap, snap.mapped); }
	/* Does @mapped show what the snapshot must show? */
	static testing::AssertionResult right(Snap &snap, user::Mapped &mapped)
	{
		return snap.frozen.matches_all([&](uint64_t sector, uint64_t count) {
			return mapped.read(sector, count);
		});
	}

	/* The power fails; what is not durable is lost.  All mapped devices are made again. */
	void crash()
	{
		world.crash({.keep = user::CrashPolicy::Keep::nothing});
		for (auto &snap : snaps)
			snap->mapped.remove();
		origin.remove();
		world.power_on();
		EXPECT_EQ(origin.create(user::TargetType::origin, sectors, "disk"), 0);
		for (auto &snap : snaps) {
			snap->cow.clear_faults();
			EXPECT_EQ(snap->mapped.create(user::TargetType::snapshot, sectors,
						      snap->words),
				  0)
				<< snap->mapped.error_text();
		}
	}

	uint64_t sectors;
	uint32_t generation = 0;
	user::World world;
	user::Core core;
	user::Device &disk;
	user::Mapped origin{"origin"};
	std::vector<std::unique_ptr<Snap>> snaps;
};

} // namespace dmsnap::test
