// SPDX-License-Identifier: GPL-2.0-only
/*
 * Volume: the block device that a study measures, whatever implements it.  All calls return
 * when the I/O has ended.  Context: a process.
 */
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "user/device.hpp"
#include "user/mapped.hpp"
#include "user/world.hpp"

namespace dmsnap::sim::studies {

struct Volume {
	virtual ~Volume() = default;
	/* 0 or a negative errno. */
	virtual int write(uint64_t sector, std::span<const uint8_t> data, bool fua) = 0;
	virtual int read(uint64_t sector, std::span<uint8_t> data) = 0;
	virtual int flush() = 0;
	/* The most pages of memory that it has used at a time. */
	virtual uint64_t pages_peak() const { return 0; }
};

/* I/Os of devices that one process waits for together. */
class Together {
public:
	explicit Together(user::World &world) : world_(world) {}

	/* May sleep for a tag. */
	void submit(user::Device &device, user::DeviceIo io)
	{
		left_++;
		io.done = [this](int error) {
			error_ = error_ ? error_ : error;
			if (--left_ == 0)
				world_.wake(this);
		};
		device.submit(std::move(io));
	}
	/* The first error, or 0. */
	int wait()
	{
		world_.wait(this, "a wait for I/O", [this] { return left_ == 0; });
		return error_;
	}

private:
	user::World &world_;
	unsigned int left_ = 0;
	int error_ = 0;
};

/* The bare device. */
struct BareVolume final : Volume {
	BareVolume(user::World &in, user::Device &on) : world(in), device(on) {}

	int write(uint64_t sector, std::span<const uint8_t> data, bool fua) override;
	int read(uint64_t sector, std::span<uint8_t> data) override;
	int flush() override;

	user::World &world;
	user::Device &device;
};

/* The driver as it is, on devices "disk" and "cow", and a snapshot with chunks of 4 KiB. */
struct TodaysVolume final : Volume {
	explicit TodaysVolume(uint64_t sectors);

	int write(uint64_t sector, std::span<const uint8_t> data, bool fua) override
	{
		return origin.write(sector, data, fua);
	}
	int read(uint64_t sector, std::span<uint8_t> data) override
	{
		return origin.read(sector, data);
	}
	int flush() override { return origin.flush(); }

	user::Core core;
	user::Mapped origin{"origin"}, snapshot{"snapshot"};
};

} // namespace dmsnap::sim::studies
