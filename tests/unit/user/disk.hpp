// SPDX-License-Identifier: GPL-2.0-only
/* A device of a world, for tests that send I/O to it and check what it holds. */
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "support/pattern.hpp"
#include "user/device.hpp"
#include "user/world.hpp"

namespace dmsnap::user {

/* I/O to a device; keeps its data alive. */
struct Disk {
	explicit Disk(World &w, DeviceOptions options = {.name = "disk", .sectors = 1024})
	    : world(w), device(world.add_device(std::move(options)))
	{
	}

	struct Pending {
		std::vector<uint8_t> data;
		bool done = false;
		int error = 0;
	};
	using Handle = std::shared_ptr<Pending>;

	Handle start(Op op, uint64_t sector, uint64_t sectors, std::vector<uint8_t> data = {},
		     unsigned int flags = 0)
	{
		auto pending = std::make_shared<Pending>();
		pending->data = std::move(data);
		DeviceIo io;
		io.op = op;
		io.flags = flags;
		io.sector = sector;
		io.sectors = sectors;
		if (!pending->data.empty())
			io.data.push_back(pending->data);
		io.done = [pending](int error) {
			pending->done = true;
			pending->error = error;
		};
		device.submit(std::move(io));
		return pending;
	}
	Handle start_write(uint32_t generation, uint64_t sector, uint64_t sectors,
			   unsigned int flags = 0)
	{
		return start(Op::write, sector, sectors,
			     test::Pattern{0, generation}.make(sector, sectors), flags);
	}
	int wait(const Handle &pending)
	{
		EXPECT_TRUE(world.run_until([&] { return pending->done; }));
		return pending->error;
	}
	int write(uint32_t generation, uint64_t sector, uint64_t sectors, unsigned int flags = 0)
	{
		return wait(start_write(generation, sector, sectors, flags));
	}
	int flush() { return wait(start(Op::flush, 0, 0)); }

	World &world;
	Device &device;
};

inline testing::AssertionResult holds(const Image &image, uint32_t generation, uint64_t sector,
				      uint64_t sectors)
{
	if (generation == 0)
		return test::same_sectors(sector, std::vector<uint8_t>(sectors * 512),
					  image.read(sector, sectors));
	return test::Pattern{0, generation}.matches(sector, image.read(sector, sectors));
}

} // namespace dmsnap::user
