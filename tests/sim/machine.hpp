// SPDX-License-Identifier: GPL-2.0-only
/*
 * Machine: runs the steps of a plan on the real core and simulated devices, with one origin
 * and its snapshots.  A model checks the result after each crash and at each quiet point.
 *
 * The model is a History for the origin and one for each snapshot.  Every sector carries the
 * number of the write that wrote it, its stamp.  The History says which stamps a sector may
 * have.
 *
 *   while the power is on   a read finds a write that was in flight, or the last one;
 *   after a crash           a sector holds its last durable write (FUA, or completed before
 *                           a flush), or any later one; a snapshot only if it is valid;
 *   in a snapshot           what the origin held when it was made counts as durable;
 *   in a merge              the origin shows the snapshot's contents, merged or not.
 *
 * A crash can come at any I/O.  Any part of what is not durable may survive.  Some of the
 * possible outcomes are tried; each is recovered and checked.  That is one cycle.
 *
 * Failures go to user::report_failure(), whose hook must not return.
 */
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "sim/neighbour.hpp"
#include "sim/plan.hpp"
#include "support/history.hpp"
#include "user/mapped.hpp"

namespace dmsnap::sim {

using TraceSink = std::function<void(const std::string &)>;

/* A store as a crash left it, and how the driver handled it. */
struct LeftStore {
	const user::Image &cow;
	uint64_t cow_sectors;
	uint64_t disk_sectors;
	/* Was the store loaded?  If so, is it marked invalid? */
	bool loaded;
	bool invalid;
};

struct MachineOptions {
	/* Empty: no trace. */
	TraceSink trace{};
	/* The power fails at this I/O (from 1), and the run ends; 0: it fails as planned. */
	uint64_t crash_at_io = 0;
	/* With crash_at_io: the largest number of sets of lost writes to try. */
	unsigned int remains_max = 4;
	/* Called for each set. */
	std::function<void(const LeftStore &)> store_left{};
	/* FIFO order and identical devices, so that runs can be compared. */
	bool plain = false;
};

class Machine {
public:
	Machine(const Plan &plan, MachineOptions options);
	~Machine();

	void run();

	/* Crashes that were recovered from and checked. */
	uint64_t cycles() const { return cycles_; }
	/* I/Os that devices received. */
	uint64_t ios() const { return world_.ios(); }

private:
	using Stamp = test::Stamp;
	using History = test::History;

	struct Snap {
		/* A handover replaces it. */
		std::unique_ptr<user::Mapped> mapped;
		user::Device *cow = nullptr;
		bool persistent = false;
		std::string type;
		/* Sectors. */
		unsigned int chunk = 0;
		uint64_t sectors = 0;
		std::string features;
		bool discards = false;
		/* Discards also go to the origin's disk, without copies for other snapshots. */
		bool passdown = false;
		History view{{}};
		/* It may become invalid without a failed I/O or allocation: see may_fail(). */
		bool may_fail = false;
		/* Its COW device may become full. */
		bool small = false;
		/* Memory::failures() when it was made, or recovered. */
		uint64_t memory_failures = 0;
		/* Its COW device may have lost a part that was in use. */
		bool cut = false;
		/* A process works on it. */
		bool busy = false;
		/* Its store is being handed over to another device, so it gets no requests. */
		bool away = false;
		/* Messages that have no answer yet. */
		unsigned int messages = 0;
		/* By chunk: an origin write has ended since it was made, so it has a copy. */
		std::vector<bool> has{};
		History::Tick since = 0;
		/* State at the crash: invalid by its status; marked invalid by an event. */
		bool was_invalid = false;
		bool was_marked = false;
		/* Writing the mark to its COW device has failed. */
		bool mark_lost = false;
		/* At the crash a handover may have been under way, so its status was not known. */
		bool was_busy = false;
		/* A failure may have invalidated it, or its mark may be in flight. */
		bool could_fail = false;

		std::string words(unsigned int chunk_argument) const;
		const std::string &name() const { return cow->options().name; }
		bool invalid() { return mapped->status() == "Invalid"; }
		bool overflowed() { return mapped->status() == "Overflow"; }
	};
	using SnapHandle = std::shared_ptr<Snap>;

	struct Asked {
		user::Mapped::Handle request;
		/* nullptr: the origin. */
		SnapHandle snap;
		Stamp stamp;
		History::Tick begin;
		/* The snapshot that the origin's table merged when the request was made. */
		SnapHandle merging{};
		/* The snapshot was known to be invalid and had undurable writes. */
		bool lost = false;
		/* Device::failures() of the disk when the request was made. */
		uint64_t disk_failures = 0;
	};
	/* A process that changes tables; see change(). */
	struct Change {
		std::string name;
		bool origin;
		SnapHandle snap;
		uint64_t number;
	};

	/* One possible outcome of a crash: the contents of each device. */
	using Remains = std::vector<user::Image>;

	/* --- machine.cpp: the world and its steps. --- */

	void do_step(const Step &step);
	std::unique_ptr<user::Mapped> new_mapped() const;
	user::Device &add_device(const std::string &name, uint64_t sectors, unsigned int block);
	/* Size of the logical blocks of a new COW device, or of the disk, in sectors. */
	unsigned int choose_block(bool cow);
	/* The origin's size is a multiple of it: the block size of the disk, or of all devices. */
	unsigned int end_unit() const
	{
		return plan_.trouble & large_blocks && !(plan_.trouble & odd_blocks) ? 8
										     : disk_block_;
	}
	/* The unit of I/O to a device; nullptr: the origin. */
	unsigned int unit_of(const SnapHandle &snap) const;
	/*
	 * Wakes hung devices, and runs the world until @done; ends stalls that have no limit.
	 * Returns false if the power must fail now, or nothing is left to run.
	 */
	bool turn(const std::function<bool()> &done);
	void turn_for(uint64_t ns);
	/* Runs the world until all requests have ended and no process is busy. */
	bool quiesce();
	bool power_fails_now() const
	{
		return (crash_at_ && world_.ios() >= crash_at_) ||
		       (crash_at_commit_ && world_.wide_commits() >= crash_at_commit_);
	}

	/* --- tables.cpp: making and changing them; messages. --- */

	/* Make the tables that must exist after a reboot; return 0 or an error of dm. */
	int activate(Snap &snap);
	int activate_origin();
	/*
	 * Runs @body in a process that changes tables: the origin's (@origin) and that of @snap,
	 * unless it is nullptr.  These are busy until it ends, and no other process changes them.
	 */
	void change(const char *name, bool origin, const SnapHandle &snap,
		    std::function<void()> body);

	/* A change of tables may fail if a device is gone or truncated, or memory is short. */
	class Excuse {
	public:
		Excuse(const Machine &machine, SnapHandle snap);
		bool holds() const;

	private:
		const Machine &machine_;
		SnapHandle snap_;
		/* Memory::failures() when it began. */
		uint64_t memory_failures_;
	};
	/* Runs @change in a process of that name.  Returns its result, or -EINTR if killed. */
	int killably(const char *name, const std::function<int()> &change);
	/* 0 or -EINTR. */
	int suspend_killably(user::Mapped &mapped);
	/* Context: a process. */
	void sleep_for(uint64_t ns);

	/* Large numbers are rare, because they make a run long. */
	size_t snapshots_max() const { return plan_.seed % 16 == 5 ? 16 : 4; }
	void create_snapshot(user::Random &random);
	void send_message(user::Random &random, const SnapHandle &snap);
	void send_to_merge(user::Random &random);
	/* Status and table of the origin or, if there is one, of @snap. */
	void ask_status(user::Random &random, const SnapHandle &snap);
	void remove_snapshot(const SnapHandle &snap);
	void suspend_snapshot(const SnapHandle &snap);
	void reload_snapshot(user::Random &random, const SnapHandle &snap);
	void reactivate_snapshot(const SnapHandle &snap);
	/* Loads a table that is refused, or is cleared before it is resumed.  It has no effect. */
	void load_badly(user::Random &random, const SnapHandle &snap);
	/* The other device is resumed too early, and then in the right order, or not at all. */
	void hand_over_badly(user::Random &random, const SnapHandle &snap);
	void kill_changes();
	void suspend_origin();
	void reload_origin(uint64_t sectors);
	void grow_origin(user::Random &random);
	void begin_merge(user::Random &random, const SnapHandle &snap);
	bool is_merged();
	void end_merge();
	/* Lets the merge run without disturbance.  It must complete. */
	void finish_merge();
	void stop_merge();
	/* Returns false on failure.  Context: a process. */
	bool flush_disk();

	/* --- troubles.cpp: faults, and what must work despite them. --- */

	void resize_cow(user::Random &random, const SnapHandle &snap);
	void break_cow(user::Random &random, const SnapHandle &snap);
	void break_disk(user::Random &random);
	/* A vanished device comes back after the next power cut. */
	void vanish_cow(const SnapHandle &snap);
	void vanish_disk();
	void hang_cow(const SnapHandle &snap);
	void wake_up();
	void wake_one(user::Random &random);
	/* Enlarges COW devices if stalls have no limit now. */
	void end_stalls();
	/* Stalls that have no limit get one for a while. */
	void limit_stalls(bool limited)
	{
		if (endless_stalls_)
			world_.no_space_timeout = limited ? 1 : 0;
	}
	bool any_hangs() const;
	/* Waits for a long time; then everything that does not need a hung device has ended. */
	void look_around();
	bool needs_what_hangs(const Asked &asked) const;
	/* False for the COW device of a snapshot that was removed. */
	bool is_used(const user::Device &device) const;
	/* After an origin write: records which snapshots must have its chunks now. */
	void note_copied(const Asked &asked);
	void shorten_memory(user::Random &random);
	void mend();
	SnapHandle any_snap(user::Random &random);

	/* --- requests.cpp: requests and their results. --- */

	void choose_range(user::Random &random, const SnapHandle &snap, uint64_t &sector,
			  uint64_t &sectors);
	void write(user::Random &random, const SnapHandle &snap);
	void write(const SnapHandle &snap, uint64_t sector, uint64_t sectors, bool fua);
	void read(user::Random &random, const SnapHandle &snap);
	void read(const SnapHandle &snap, uint64_t sector, uint64_t sectors);
	void flush(const SnapHandle &snap);
	void discard(user::Random &random, const SnapHandle &snap);
	void begin_discard(History &history, uint64_t sector, uint64_t sectors, uint64_t now) const;
	/* The histories that a discard to @snap may change. */
	std::vector<History *> changed_by_discard(const SnapHandle &snap);
	/* Discards that are under way to the disk. */
	std::vector<Asked> disk_discards() const;
	/*
	 * What the disk may hold from now on.  @discards: those that were under way when the last
	 * flush began, even if they have ended since.
	 */
	History disk_history(uint64_t sectors, const std::vector<Asked> &discards) const;
	void write_durably(user::Random &random, const SnapHandle &snap);
	/* One write without memory and with nothing else in flight: the reserves must do. */
	void write_alone(user::Random &random, const SnapHandle &snap);
	/* Writes to so many chunks at once that the reserves are not enough for all. */
	void write_many(user::Random &random, const SnapHandle &snap);
	/* Continues the last stream, or starts a new one. */
	void write_stream(user::Random &random);
	void poll();
	void ended(const Asked &asked);
	void check_error(const Asked &asked);
	void check_read(const Asked &asked);
	bool all_done() const;
	user::Mapped &mapped_of(const SnapHandle &snap) { return snap ? *snap->mapped : origin_; }
	History &history_of(const SnapHandle &snap) { return snap ? snap->view : history_; }
	const char *name_of(const SnapHandle &snap) const
	{
		return snap ? snap->name().c_str() : "origin";
	}

	/* --- checks.cpp: quiet points and crashes. --- */

	/* Checks everything, with no I/O in flight. */
	void check_quietly();
	void check_health();
	/* Compares what the store on the COW device says, read by the rules, with @shown. */
	void check_store(const SnapHandle &snap, const user::Image &disk, const user::Image &cow,
			 const std::vector<uint8_t> &shown);
	bool discards_allow(const SnapHandle &snap, const std::vector<test::Stamp> &said,
			    const std::vector<test::Stamp> &shown) const;
	void crash();
	/* After a power cut: ends what is running, and removes everything. */
	void lose_power();
	void load(const Remains &remains);
	/* Some of the possible outcomes, at random. */
	std::vector<Remains> choose_remains();
	/* All possible outcomes or, if there are too many, some of them. */
	std::vector<Remains> all_remains();
	/* Activates everything, and loses power again during that or after it.  The outcome. */
	Remains fail_to_recover(const Remains &remains);
	/* Activates and checks everything.  @for_good: the run continues from here. */
	void recover(const Remains &remains, bool for_good);
	/* A write to the origin must not change what the snapshots showed before it. */
	void use_recovered(const std::vector<std::pair<SnapHandle, std::vector<uint8_t>>> &shown);
	/* The contents of the snapshot; empty if it is gone or says that it is invalid. */
	std::vector<uint8_t> recover_snapshot(const SnapHandle &snap, const Remains &remains);
	std::vector<uint8_t> recover_merge(const Remains &remains);
	void check_left(const SnapHandle &snap, const std::vector<uint8_t> &data);
	/*
	 * Its statistics name lack of space, or no reason, as after a load of an invalid store.
	 * Context: outside of processes.
	 */
	static bool lost_for_space(const SnapHandle &snap);
	/* A failure since it was made or recovered may have invalidated it. */
	bool may_fail(const Snap &snap) const;
	static bool mark_lost(const Snap &snap)
	{
		return snap.cow->lost_header() || snap.cow->vanished();
	}
	void deactivate();

	/* --- Messages. --- */

	[[noreturn]] void fail(const std::string &message);
	void require(bool holds, const std::string &what)
	{
		if (!holds)
			fail(what);
	}
	bool tracing() const { return static_cast<bool>(options_.trace); }
	void note(const char *what, const SnapHandle &snap, uint64_t sector = 0,
		  uint64_t sectors = 0, Stamp stamp = 0);
	void note(const std::string &text);

	Plan plan_;
	MachineOptions options_;
	user::Random random_;
	user::World world_;
	user::Core core_;
	/* For steps that were added later, so that old seeds still give the same runs. */
	user::Random more_random_;
	/* Where write_stream() continues. */
	uint64_t stream_at_ = 0;
	/* Sectors. */
	unsigned int disk_block_;
	/* The chunk size of most snapshots. */
	unsigned int chunk_;
	uint64_t sectors_;
	user::Device &disk_;
	History history_;
	user::Mapped origin_{"origin"};
	bool origin_busy_ = false;
	/* nullptr if this run has no neighbour. */
	std::unique_ptr<Neighbour> neighbour_;
	std::vector<SnapHandle> snaps_;
	/* The snapshot that the origin's table merges. */
	SnapHandle merging_;
	std::vector<Asked> asked_;
	std::vector<Change> changes_;
	uint64_t next_change_ = 0;
	/* Requests for status and table without an answer. */
	unsigned int questions_ = 0;
	unsigned int cows_ = 0;
	Stamp stamps_ = 1;
	History::Tick now_ = 1;
	/* The power fails when World::ios() reaches this; 0: it does not. */
	uint64_t crash_at_ = 0;
	/* The same for World::wide_commits(). */
	uint64_t crash_at_commit_ = 0;
	bool power_lost_ = false;
	/* The run has no no_space_timeout. */
	bool endless_stalls_ = false;
	uint64_t cycles_ = 0;
};

} // namespace dmsnap::sim
