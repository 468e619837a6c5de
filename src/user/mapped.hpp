// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapped: a mapped device with a table of one target, driving the core in the
 * order in which dm and its ioctls do:
 *
 *   load      constructor; a table loaded before and never resumed is destroyed
 *   clear     destroys a table that was loaded and never resumed
 *   suspend   presuspend, new bios wait, those in flight end, postsuspend; no file
 *             system is frozen before, so bios come all the time, as with --noflush.
 *             If the process is killed while it waits: all as before, and presuspend_undo
 *   resume    suspend if a new table is loaded; swap; preresume, resume;
 *             waiting bios go on; destroy the old table.  A suspend that fails costs the
 *             new table
 *   remove    suspend, destroy both tables; that wait cannot be killed
 *
 * Bios are sent as by dm core: never PREFLUSH with data (an empty flush goes first), the part
 * that a target does not accept is sent as another bio, and flushes and discards are duplicated
 * as the target asked.
 *
 * This part calls the core; the rest of the world links without it.
 */
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <dmsnap/core.h>

#include "user/bio.hpp"
#include "user/target.hpp"
#include "user/world.hpp"

namespace dmsnap::user {

enum class TargetType : uint8_t { snapshot, merge, origin };

/* The loaded module; after the world, before any mapped device. */
class Core {
public:
	Core();
	~Core();
	Core(const Core &) = delete;
	Core &operator=(const Core &) = delete;
};

class Mapped {
public:
	explicit Mapped(std::string name) : name_(std::move(name)) {}
	/* Removes it. */
	~Mapped();
	Mapped(const Mapped &) = delete;
	Mapped &operator=(const Mapped &) = delete;

	/* --- Life; all of it from outside or from a process, never atomic. --- */

	/* 0 or a negative errno; then error_text() says what the target said. */
	int load(TargetType type, uint64_t sectors, const std::string &words,
		 bool read_only = false);
	const std::string &error_text() const { return error_text_; }
	/* Also the beginning of suspend(), which then goes on.  Bios still come through. */
	void presuspend();
	/* 0 or -EINTR. */
	int suspend();
	/* 0, or what preresume said; then it stays suspended.  -EINVAL: its suspend failed. */
	int resume();
	void clear();
	void remove();
	/* load() and resume(). */
	int create(TargetType type, uint64_t sectors, const std::string &words);

	/* Each request is sent by a separate process, which may sleep for a device's tags. */
	void let_submitters_sleep() { submitters_sleep_ = true; }

	bool suspended() const { return suspended_; }
	bool live() const { return active_ != nullptr; }
	uint64_t sectors() const;
	/* dm events raised by its targets. */
	unsigned int events() const;
	/* The snapshot became invalid, and an event has reported it. */
	bool known_invalid() const { return active_ && active_->target.invalid; }
	/* What dmsetup prints after the target's name. */
	std::string status() { return text_of(DMSNAP_STATUS_INFO); }
	std::string table() { return text_of(DMSNAP_STATUS_TABLE); }
	/* For a snapshot: returns 0 or a negative errno, and its answer in @answer. */
	int message(const std::vector<std::string> &words, std::string *answer = nullptr);
	/* Of the active table. */
	dmsnap_snapshot *snapshot() const;
	dmsnap_origin *origin() const;

	/* --- I/O; returns 0 or a negative errno. --- */

	int read(uint64_t sector, std::span<uint8_t> data);
	int write(uint64_t sector, std::span<const uint8_t> data, bool fua = false);
	int flush();
	int discard(uint64_t sector, uint64_t sectors);
	/* An operation that no target supports. */
	int other(uint64_t sector, uint64_t sectors);
	/* Fails the test's process on an error. */
	std::vector<uint8_t> read(uint64_t sector, uint64_t sectors);

	/* Asynchronous I/O. */
	struct Request {
		/* Set at its end, with the first error. */
		bool done = false;
		int error = 0;

		dmsnap_bio_op op;
		uint64_t sector;
		uint64_t sectors;
		bool fua;
		/* Read: filled. */
		std::vector<uint8_t> data;
		/* Bios under way, and one while it is being cut into bios. */
		unsigned int parts = 0;
	};
	using Handle = std::shared_ptr<Request>;

	Handle start_read(uint64_t sector, uint64_t sectors);
	Handle start_write(uint64_t sector, std::span<const uint8_t> data, bool fua = false);
	Handle start_flush();
	Handle start_discard(uint64_t sector, uint64_t sectors);
	/* Runs the world until it is done; returns its error. */
	int wait(const Handle &request);

private:
	/* One table; of one target. */
	struct Table {
		Target target;
		TargetType type;
		dmsnap_snapshot *snapshot = nullptr;
		dmsnap_origin *origin = nullptr;
		dmsnap_target_traits traits{};
		/* Messages and status under way: dm keeps a table for them (dm_sync_table()). */
		unsigned int readers = 0;
		/* What dm was told when the table became the active one. */
		uint32_t discard_sectors = 0;
	};
	class Reader;

	Handle start(dmsnap_bio_op op, uint64_t sector, uint64_t sectors, bool fua,
		     std::span<const uint8_t> data);
	/* Sends it, or has it sent. */
	void go(const Handle &request);
	void send_deferred();
	void process(const Handle &request);
	/* Sectors that the target took. */
	uint32_t send(const Handle &request, dmsnap_bio_desc desc);
	void part_ended(const Handle &request, int error);
	enum class Wait : uint8_t { killable, unkillable };
	/* 0 or, if the wait is killable, -EINTR. */
	int suspend(Wait wait);
	void presuspend_undo();
	void destroy(std::unique_ptr<Table> table);
	static void wait_for_readers(const Table *table);
	std::string text_of(dmsnap_status type);

	std::string name_;
	std::string error_text_;
	bool presuspended_ = false;
	bool suspended_ = false;
	/* Bios wait: suspended, or about to be. */
	bool blocked_ = false;
	unsigned int old_events_ = 0;
	std::unique_ptr<Table> active_;
	std::unique_ptr<Table> inactive_;
	bool submitters_sleep_ = false;
	unsigned int in_flight_ = 0;
	std::vector<Handle> deferred_;
};

} // namespace dmsnap::user
