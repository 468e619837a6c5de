// SPDX-License-Identifier: GPL-2.0-only
/*
 * Device: a block device of the simulated world, with a volatile cache.
 *
 * Life of an I/O:   submitted -> [held by the test] -> [flush phase] ->
 *                   at the medium -> completed
 *
 * What a crash leaves of each sector: the last durable content, or any write to
 * it that came later and had reached the medium, completed or not; each logical
 * block on its own, so a write can tear.  A write is durable once
 *   - it completed and a flush that was submitted after that has completed, or
 *   - it carried FUA and completed.
 * A write with PREFLUSH reaches the medium only after its flush phase, so if any
 * of it survives, all that was completed before its submission does.
 *
 * Reads see the cache.  An I/O in flight takes effect, with respect to others in flight, at its
 * completion; in random order, sometimes at its submission.
 */
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <dmsnap/port/device.h>

#include "user/image.hpp"
#include "user/random.hpp"

namespace dmsnap::user {
class Device;
} // namespace dmsnap::user

/* A block device opened for one target. */
struct dmsnap_device {
	dmsnap::user::Device *device;
	bool writable;
	/* Its I/Os that have not ended; it must not be closed before ... */
	unsigned int in_flight = 0;
	/* ... but for these, with DMSNAP_IO_MAY_OUTLIVE: the device stays open for them. */
	unsigned int may_outlive = 0;
	/* The last I/O to end deletes it. */
	bool closed = false;
};

namespace dmsnap::user {

class World;

enum class Op : uint8_t { read, write, zero, discard, flush };
const char *to_text(Op op);

struct DeviceOptions {
	std::string name;
	uint64_t sectors = 0;
	uint32_t block_sectors = 1;
	/* Time of an I/O at the medium, and of a flush. */
	uint64_t latency_ns = 10'000;
	uint64_t flush_ns = 50'000;
	/* Each I/O takes a random time of up to this longer. */
	uint64_t jitter_ns = 0;
	/* False: every write is durable when it completes. */
	bool volatile_cache = true;
	/* Transfer time of a sector, one I/O after the other; 0: no limit. */
	uint64_t sector_ns = 0;
	/*
	 * Number of I/Os at a time.  The submitter of another one sleeps until one has ended, as
	 * in blk_mq_get_tag(); in atomic context the I/O is queued until then.  0: no limit.
	 */
	unsigned int tags = 0;
	/* Unsupported operations end with -EOPNOTSUPP. */
	bool zeroes = true;
	bool discards = true;
	/* What the bytes of a discarded sector read as. */
	uint8_t discarded_byte = 0;
	/* It can still be opened for writing, but writes fail. */
	bool write_protected = false;
};

/* One I/O, to any device. */
struct DeviceIo {
	Op op = Op::read;
	/* enum dmsnap_io_flags. */
	unsigned int flags = 0;
	uint64_t sector = 0;
	/* 0 for a flush. */
	uint64_t sectors = 0;
	/* For read and write: pieces of whole sectors, together as long as the I/O. */
	std::vector<std::span<uint8_t>> data{};
	/* The data of a write must not change in flight; it is a failure if it does. */
	bool stable = false;
	/* The opened device it goes through; nullptr: a test's own I/O. */
	dmsnap_device *opened = nullptr;
	bool may_outlive = false;
	/* Atomic context. */
	std::function<void(int error)> done{};
};

/* What the device was asked to do, in order of submission. */
struct IoRecord {
	uint64_t submitted_ns;
	Op op;
	unsigned int flags;
	uint64_t sector;
	uint64_t sectors;

	bool operator==(const IoRecord &) const = default;
};

struct IoCounters {
	uint64_t reads = 0;
	uint64_t read_sectors = 0;
	/* Data writes; FUA ones too. */
	uint64_t writes = 0;
	uint64_t written_sectors = 0;
	uint64_t fua_writes = 0;
	/* Empty flushes, and writes with PREFLUSH. */
	uint64_t flushes = 0;
	uint64_t zeroes = 0;
	uint64_t discards = 0;
};

struct CrashPolicy {
	enum class Keep : uint8_t {
		/* Nothing undurable survives. */
		nothing,
		/* All of it survives, in order. */
		everything,
		/* Each sector survives at random. */
		some,
	};
	Keep keep = Keep::nothing;
	uint64_t seed = 0;
};

class Device {
public:
	/* Made by World::add_device(). */
	Device(World &world, DeviceOptions options, unsigned int minor);
	Device(const Device &) = delete;
	Device &operator=(const Device &) = delete;

	const DeviceOptions &options() const { return options_; }
	/* "major:minor". */
	const std::string &number() const { return number_; }
	uint64_t id() const { return id_; }

	/* 0 after vanish(). */
	uint64_t sectors() const { return gone_ ? 0 : options_.sectors; }
	/* What is cut off is lost at once, and I/O in flight to it fails. */
	void resize(uint64_t sectors);
	/*
	 * Pulls the device out: until power_on() all I/O fails, including I/O in flight, and the
	 * device has no sectors.  After that any part of what was in flight may be there, as
	 * after a crash.
	 */
	void vanish();
	bool vanished() const { return gone_; }

	/* --- I/O. --- */

	/* Context: Any.  Sleeps for a tag, unless the context is atomic. */
	void submit(DeviceIo io);

	/* Content as a reader sees it, and as it was after a crash that keeps nothing. */
	const Image &content() const { return live_; }
	const Image &durable() const { return durable_; }
	std::vector<uint8_t> peek(uint64_t sector, uint64_t sectors) const;
	/* Writes immediately and durably. */
	void poke(uint64_t sector, std::span<const uint8_t> data);
	/* Replaces all content, durably. */
	void load(Image image);

	/* --- Crashes. --- */

	/* The content that a crash now would leave.  Changes nothing. */
	Image crash_image(CrashPolicy policy) const;
	/* Numbers of the writes that a crash now may lose completely or in part, in order. */
	std::vector<uint64_t> losable() const;
	/* The content that a crash would leave which keeps only those in @kept, completely. */
	Image crash_image(const std::set<uint64_t> &kept) const;
	/*
	 * The power fails: the content becomes what is left.  Every I/O in flight and all later
	 * I/O fails with -EIO and changes nothing until power_on().  So the core's objects can be
	 * destroyed the normal way.
	 */
	void crash(CrashPolicy policy);
	void power_on() { powered_ = true, gone_ = false; }

	/* --- Faults: apply to I/O submitted from now on. --- */

	/* The n-th I/O of this kind fails (1 = the next).  Op::flush: also PREFLUSHes. */
	void fail_nth(Op op, uint64_t n, int error = -5);
	/* I/O of this kind that touches the range fails. */
	void fail_range(Op op, uint64_t sector, uint64_t sectors, int error = -5);
	void fail_open(int error) { open_error_ = error; }
	void clear_faults();

	/* I/O of this kind is held until release(). */
	void hold(Op op);
	void hold_all();
	/* Releases held I/O in order, and holds no more. */
	void release();
	size_t held() const { return held_.size(); }
	/* No I/O ends, including I/O in flight, until wake_up(). */
	void hang() { hung_ = true; }
	void wake_up();
	bool hung() const { return hung_; }
	/* Changes DeviceOptions::tags from now on. */
	void limit_tags(unsigned int tags) { options_.tags = tags; }

	/* --- What was done. --- */

	const IoCounters &counters() const { return counters_; }
	const std::vector<IoRecord> &log() const { return log_; }
	/* I/Os that ended with an error since the device was made, or since forget_failures(). */
	uint64_t failures() const { return failures_; }
	/* One of them was a write of the first sector: of a store's header. */
	bool lost_header() const { return lost_header_; }
	void forget_failures() { failures_ = 0, lost_header_ = false; }
	/* Clears counters and log. */
	void reset_log();
	/* I/Os submitted and not completed. */
	size_t in_flight() const { return in_flight_; }

	/* --- For the port. --- */

	unsigned int opens() const { return opens_; }
	int open();
	/* Reports a failure if I/O of @opened is in flight. */
	void close(dmsnap_device *opened);

private:
	struct Flight;
	/* One sector of a write that may or may not survive a crash. */
	struct Version {
		std::shared_ptr<Flight> flight;
		size_t offset;
	};
	using Versions = std::vector<Version>;
	struct Fault {
		Op op;
		bool by_range;
		uint64_t nth;
		uint64_t sector;
		uint64_t sectors;
		int error;
	};

	void count(const DeviceIo &io);
	void trace(const char *what, const DeviceIo &io, int error) const;
	int fault_for(const DeviceIo &io, Op op);
	bool has_tag() const { return !options_.tags || in_service_ < options_.tags; }
	void begin(const std::shared_ptr<Flight> &flight);
	bool can_take(const Flight &flight) const;
	void issue(const std::shared_ptr<Flight> &flight);
	void flush_phase(const std::shared_ptr<Flight> &flight);
	void flushed(const std::shared_ptr<Flight> &flight);
	void medium_phase(const std::shared_ptr<Flight> &flight);
	void medium_done(const std::shared_ptr<Flight> &flight);
	void arrive(const std::shared_ptr<Flight> &flight);
	void transfer(const std::shared_ptr<Flight> &flight);
	void complete(const std::shared_ptr<Flight> &flight);
	void end(Flight &flight, int error);
	bool lost_power(const Flight &flight) const;
	uint64_t jitter() const;
	/* Sectors that a write with data will change, as of now. */
	uint64_t changed_sectors(const Flight &flight) const;
	template <typename Choose> Image image_with(const Choose &choose) const;
	template <typename IsKept>
	static const Version *last_of(const Versions &versions, const IsKept &is_kept);
	void forget_block(const std::shared_ptr<Flight> &flight, uint64_t sector);
	void make_durable(uint64_t sector, Versions &versions, size_t count);

	World &world_;
	DeviceOptions options_;
	std::string number_;
	uint64_t id_;
	Image live_;
	Image durable_;
	/*
	 * Undurable versions, per sector, in the order in which they became visible; those in
	 * flight and not yet visible are in order of arrival.
	 */
	std::map<uint64_t, Versions> cache_;
	uint64_t next_write_ = 0;
	uint64_t next_completion_ = 0;
	std::vector<Fault> faults_;
	int open_error_ = 0;
	unsigned int hold_mask_ = 0;
	std::vector<std::shared_ptr<Flight>> held_;
	bool hung_ = false;
	/* I/O that would have ended while it hangs: in its flush phase, or at the medium. */
	struct Hung {
		std::shared_ptr<Flight> flight;
		void (Device::*next)(const std::shared_ptr<Flight> &flight);
	};
	std::vector<Hung> hung_ios_;
	/* I/Os that have a tag; queued I/Os that wait for one. */
	unsigned int in_service_ = 0;
	std::deque<std::shared_ptr<Flight>> without_tag_;
	/* The bus is busy until then. */
	uint64_t busy_until_ns_ = 0;
	bool gone_ = false;
	bool powered_ = true;
	/* Counts crashes: an I/O from before a crash does nothing after it. */
	uint64_t life_ = 0;
	size_t in_flight_ = 0;
	unsigned int opens_ = 0;
	uint64_t failures_ = 0;
	bool lost_header_ = false;
	IoCounters counters_;
	std::vector<IoRecord> log_;
};

} // namespace dmsnap::user
