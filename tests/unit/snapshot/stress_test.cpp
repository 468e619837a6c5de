// SPDX-License-Identifier: GPL-2.0-only
/*
 * One origin and its snapshots under everything at once, by chance: reads,
 * writes, flushes and discards that overlap, snapshots that come, go and are
 * reloaded, COW devices that are too small, memory and devices that fail, and
 * the power.  A History for the origin and one for each snapshot know what may
 * be read.
 */
#include <gtest/gtest.h>

#include "support/seed.hpp"
#include "unit/snapshot/history.hpp"
#include "user/failure.hpp"
#include "user/mapped.hpp"
#include "user/memory.hpp"

namespace dmsnap::test {
namespace {

using user::Core;
using user::CrashPolicy;
using user::Device;
using user::Mapped;
using user::Memory;
using user::Op;
using user::Order;
using user::Random;
using user::TargetType;
using user::World;

/* What a run is made to suffer, beside its load. */
enum Trouble : unsigned int {
	small_cow = 1u << 0,
	short_memory = 1u << 1,
	cow_faults = 1u << 2,
	disk_faults = 1u << 3,
	crashes = 1u << 4,
};

constexpr unsigned int all_chunk_sizes[] = {1, 8, 16, 128, 2048};
constexpr size_t snapshots_max = 8;

struct Snap {
	Mapped mapped{"snapshot"};
	Device *cow = nullptr;
	bool persistent = false;
	std::string type;
	unsigned int chunk = 0;
	std::string features;
	uint64_t sectors = 0;
	History view{{}};
	/* Something was done to it that may cost its health. */
	bool may_fail = false;
	/* A process is changing its table, or suspends it. */
	bool busy = false;

	std::string words(unsigned int chunk_argument) const
	{
		return "disk " + cow->options().name + " " + type + " " +
		       std::to_string(chunk_argument) + features;
	}
	bool invalid() { return mapped.status() == "Invalid"; }
	bool overflowed() { return mapped.status() == "Overflow"; }
};

class Stress {
public:
	Stress(uint64_t seed, unsigned int trouble)
	    : random_(Random::mix(seed)), trouble_(trouble),
	      world_({.order = random_.one_in(8) ? Order::fifo : Order::random, .seed = seed}),
	      chunk_shift_(static_cast<unsigned int>(random_.below(5))), sectors_(choose_size()),
	      disk_(add_device("disk", sectors_)), history_(first_content())
	{
		constexpr unsigned int thresholds[] = {1, 4, 2048, 2048};
		constexpr unsigned int throttles[] = {100, 100, 100, 40};
		world_.add_log(rerun_line(seed));
		world_.cow_threshold = thresholds[random_.below(4)];
		world_.copy_throttle = throttles[random_.below(4)];
	}

	void run()
	{
		ASSERT_EQ(origin_.create(TargetType::origin, sectors_, "disk"), 0);
		for (uint64_t n = 1 + random_.below(3); n; n--)
			create_snapshot();
		for (uint64_t n = 30 + random_.below(100); n && good(); n--) {
			act();
			crank();
			poll();
		}
		finish();
	}

private:
	struct Asked {
		Mapped::Handle request;
		/* nullptr: the origin. */
		std::shared_ptr<Snap> snap;
		Stamp stamp;
		History::Tick begin;
	};

	static bool good() { return !testing::Test::HasFailure(); }

	/* --- Making things. --- */

	unsigned int choose_chunk()
	{
		/* Sizes far apart in one run are the exception: they make it long. */
		if (random_.one_in(3))
			return all_chunk_sizes[random_.below(chunk_shift_ + 1)];
		return all_chunk_sizes[chunk_shift_];
	}

	uint64_t choose_size()
	{
		uint64_t chunk = all_chunk_sizes[chunk_shift_];
		uint64_t least = chunk < 8 ? 100 : 5 * chunk;
		uint64_t size = chunk == 2048 ? chunk + random_.below(2 * chunk)
					      : least + random_.below(600);
		return size | 1;
	}

	Device &add_device(const std::string &name, uint64_t sectors)
	{
		return world_.add_device({.name = name,
					  .sectors = sectors,
					  .latency_ns = 1000 + random_.below(100'000),
					  .flush_ns = 1000 + random_.below(300'000),
					  .volatile_cache = !random_.one_in(5)});
	}

	std::vector<Stamp> first_content()
	{
		disk_.poke(0, stamped(1, 0, sectors_));
		return std::vector<Stamp>(sectors_, 1);
	}

	std::vector<Stamp> content_of_disk()
	{
		std::vector<uint8_t> data = disk_.peek(0, sectors_);
		std::vector<Stamp> stamps(sectors_);
		for (uint64_t at = 0; at < sectors_; at++)
			stamps[at] = stamp_of(at, data.data() + at * 512);
		return stamps;
	}

	void flush_disk()
	{
		bool done = false;
		disk_.submit({.op = Op::flush, .done = [&](int) { done = true; }});
		world_.run_until([&] { return done; });
	}

	void create_snapshot()
	{
		if (snaps_.size() == snapshots_max || origin_busy_)
			return;
		unsigned int chunk = choose_chunk();
		uint64_t chunks = (sectors_ + chunk - 1) / chunk;
		uint64_t per_area = std::max(1u, chunk * 512 / 16);
		bool small = trouble_ & small_cow && random_.one_in(2);
		uint64_t cow_chunks = small ? 3 + random_.below(chunks + 2)
					    : chunks + chunks / per_area + 4;
		uint64_t length = random_.one_in(6) ? 1 + random_.below(sectors_) : sectors_;
		bool persistent = !random_.one_in(4);
		auto snap = std::make_shared<Snap>();
		snap->cow = &add_device("cow" + std::to_string(++cows_),
					cow_chunks * chunk + random_.below(chunk));
		/* Whatever was there before, as long as it does not begin like a store. */
		if (random_.one_in(2))
			snap->cow->poke(chunk, stamped(not_a_stamp - cows_, chunk,
						       snap->cow->sectors() - chunk));
		snap->persistent = persistent;
		snap->type = !persistent ? "N" : random_.one_in(2) ? "PO" : "P";
		snap->chunk = chunk;
		snap->features = random_.one_in(3) ? " 1 discard_zeroes_cow" : "";
		snap->sectors = length;
		snap->may_fail = small || (trouble_ & (short_memory | disk_faults)) != 0;
		world_.add_log(user::text("create %s, %llu sectors of %llu",
					  snap->words(chunk).c_str(),
					  static_cast<unsigned long long>(length),
					  static_cast<unsigned long long>(sectors_)));
		ASSERT_EQ(snap->mapped.load(TargetType::snapshot, length, snap->words(chunk)), 0)
			<< snap->mapped.error_text();
		if (random_.one_in(2))
			crank();
		origin_.suspend();
		flush_disk();
		ASSERT_EQ(snap->mapped.resume(), 0);
		std::vector<Stamp> frozen = content_of_disk();
		snap->view = History(std::span(frozen).first(length));
		origin_.resume();
		snaps_.push_back(snap);
	}

	/* --- Asking. --- */

	void choose_range(const std::shared_ptr<Snap> &snap, uint64_t &sector, uint64_t &sectors)
	{
		uint64_t size = snap ? snap->sectors : sectors_;
		uint64_t chunk = snap ? snap->chunk : all_chunk_sizes[chunk_shift_];
		/* A hot spot makes for overlaps. */
		sector = random_.below(random_.one_in(2) ? size : (size + 7) / 8);
		switch (random_.below(4)) {
		case 0:
			sectors = 1 + random_.below(chunk + 8);
			break;
		case 1:
			sector -= sector % chunk;
			sectors = chunk * (1 + random_.below(3));
			break;
		case 2:
			sectors = 1 + random_.below(size);
			break;
		default:
			sectors = 1 + random_.below(16);
		}
		sectors = std::min(sectors, size - sector);
	}

	Mapped &mapped_of(const std::shared_ptr<Snap> &snap)
	{
		return snap ? snap->mapped : origin_;
	}
	History &history_of(const std::shared_ptr<Snap> &snap)
	{
		return snap ? snap->view : history_;
	}

	void note(const char *what, const std::shared_ptr<Snap> &snap, uint64_t sector,
		  uint64_t sectors, Stamp stamp)
	{
		world_.add_log(user::text("[%llu] %s %s %llu+%llu stamp %u",
					  static_cast<unsigned long long>(now_), what,
					  snap ? snap->cow->options().name.c_str() : "origin",
					  static_cast<unsigned long long>(sector),
					  static_cast<unsigned long long>(sectors), stamp));
	}

	void write(const std::shared_ptr<Snap> &snap)
	{
		uint64_t sector, sectors;
		choose_range(snap, sector, sectors);
		bool fua = random_.one_in(6);
		Stamp stamp = ++stamps_;
		now_++;
		note(fua ? "write fua" : "write", snap, sector, sectors, stamp);
		history_of(snap).begin(stamp, sector, sectors, now_);
		auto request =
			mapped_of(snap).start_write(sector, stamped(stamp, sector, sectors), fua);
		asked_.push_back({request, snap, stamp, now_});
	}

	void read(const std::shared_ptr<Snap> &snap)
	{
		uint64_t sector, sectors;
		choose_range(snap, sector, sectors);
		read(snap, sector, sectors);
	}

	void read(const std::shared_ptr<Snap> &snap, uint64_t sector, uint64_t sectors)
	{
		now_++;
		note("read", snap, sector, sectors, 0);
		asked_.push_back({mapped_of(snap).start_read(sector, sectors), snap, 0, now_});
	}

	void flush(const std::shared_ptr<Snap> &snap)
	{
		now_++;
		note("flush", snap, 0, 0, 0);
		asked_.push_back({mapped_of(snap).start_flush(), snap, 0, now_});
	}

	/* Writes, makes durable in one of the ways there are, and loses what is not. */
	void write_durably(const std::shared_ptr<Snap> &snap)
	{
		if (!snap || snap->busy)
			return;
		write(snap);
		if (random_.one_in(2))
			write(snap);
		world_.run_until([&] { return all_done(); });
		poll();
		flush(snap);
		world_.run_until([&] { return all_done(); });
		poll();
		if (trouble_ & crashes && random_.one_in(4))
			crash();
	}

	bool all_done() const
	{
		return std::all_of(asked_.begin(), asked_.end(),
				   [](const Asked &asked) { return asked.request->done; });
	}

	/* What it does is nobody's promise: from now on zeros may be there. */
	void discard(const std::shared_ptr<Snap> &snap)
	{
		if (!snap || snap->features.empty())
			return;
		uint64_t sector, sectors;
		choose_range(snap, sector, sectors);
		now_++;
		note("discard", snap, sector, sectors, 0);
		history_of(snap).begin(0, sector, sectors, now_);
		asked_.push_back({mapped_of(snap).start_discard(sector, sectors), snap, 0, now_});
	}

	/* --- What came of it. --- */

	void poll()
	{
		now_++;
		for (size_t i = 0; i < asked_.size();) {
			if (!asked_[i].request->done) {
				i++;
				continue;
			}
			Asked asked = asked_[i];
			asked_.erase(asked_.begin() + static_cast<ptrdiff_t>(i));
			ended(asked);
		}
	}

	void ended(const Asked &asked)
	{
		const Mapped::Request &request = *asked.request;
		History &history = history_of(asked.snap);
		if (request.error)
			check_error(asked);
		switch (request.op) {
		case DMSNAP_BIO_READ:
			if (!request.error)
				check_read(asked);
			break;
		case DMSNAP_BIO_WRITE:
			history.end(asked.stamp, request.sector, request.sectors, now_,
				    !request.error, !request.error && request.fua);
			break;
		case DMSNAP_BIO_FLUSH:
			if (!request.error && !(asked.snap && asked.snap->invalid()))
				history.flushed(asked.begin);
			break;
		default:
			break;
		}
	}

	void check_error(const Asked &asked)
	{
		const Mapped::Request &request = *asked.request;
		bool expected = asked.snap
					? asked.snap->may_fail
					: request.op == DMSNAP_BIO_READ && trouble_ & disk_faults;
		if (!expected)
			fail(user::text("%s: operation %d at %llu+%llu asked for at %llu: error %d",
					name(asked.snap), request.op,
					static_cast<unsigned long long>(request.sector),
					static_cast<unsigned long long>(request.sectors),
					static_cast<unsigned long long>(asked.begin),
					request.error));
	}

	void check_read(const Asked &asked)
	{
		const Mapped::Request &request = *asked.request;
		/* It may have become invalid while the read was on its way. */
		if (asked.snap && asked.snap->invalid())
			return;
		const History &history = history_of(asked.snap);
		for (uint64_t i = 0; i < request.sectors; i++) {
			uint64_t sector = request.sector + i;
			Stamp found = stamp_of(sector, request.data.data() + i * 512);
			if (!history.may_read(sector, found, asked.begin)) {
				fail(user::text(
					     "%s: read asked for at %llu found %u in sector %llu:",
					     name(asked.snap),
					     static_cast<unsigned long long>(asked.begin), found,
					     static_cast<unsigned long long>(sector)) +
				     history.describe(sector));
				return;
			}
		}
	}

	void check_health()
	{
		auto unwell = [](const auto &snap) {
			return snap->invalid() || snap->overflowed();
		};
		/*
		 * Asked again: an answer that had to wait for a handover comes from the
		 * table that was, and says "Invalid".
		 */
		for (const auto &snap : snaps_)
			if (!snap->may_fail && unwell(snap) && unwell(snap))
				fail(user::text("%s says %s for no reason", name(snap),
						snap->mapped.status().c_str()));
	}

	const char *name(const std::shared_ptr<Snap> &snap)
	{
		return snap ? snap->cow->options().name.c_str() : "origin";
	}

	void fail(const std::string &message)
	{
		if (!good())
			return;
		std::string log;
		for (const std::string &line : world_.log())
			log += "\n  log: " + line;
		ADD_FAILURE() << message << log;
	}

	/* --- Lives. --- */

	std::shared_ptr<Snap> any_snap()
	{
		return snaps_.empty() ? nullptr : snaps_[random_.below(snaps_.size())];
	}

	void change(const std::shared_ptr<Snap> &snap)
	{
		if (!snap || snap->busy)
			return;
		bool reload = random_.one_in(2);
		unsigned int chunk = snap->chunk;
		if (snap->persistent)
			chunk = random_.one_in(3) ? 0 : random_.one_in(3) ? 16 : chunk;
		note(reload ? "reload" : "suspend and resume", snap, 0, 0, 0);
		if (reload) {
			ASSERT_EQ(snap->mapped.load(TargetType::snapshot, snap->sectors,
						    snap->words(chunk)),
				  0)
				<< snap->mapped.error_text();
		}
		auto body = [snap, reload] {
			if (!reload)
				snap->mapped.suspend();
			EXPECT_EQ(snap->mapped.resume(), 0);
			snap->busy = false;
		};
		snap->busy = true;
		if (random_.one_in(3))
			body();
		else
			world_.spawn("change", body);
	}

	/* Everything that was answered must be there again. */
	void reactivate(const std::shared_ptr<Snap> &snap)
	{
		if (!snap || snap->busy || !snap->persistent || origin_busy_)
			return;
		note("reactivate", snap, 0, 0, 0);
		origin_.suspend();
		snap->mapped.suspend();
		poll();
		bool invalid = snap->invalid();
		bool mark_lost = world_.log_holds("does not take the mark");
		snap->mapped.remove();
		snap->cow->clear_faults();
		Memory::instance().fail_nothing();
		ASSERT_EQ(snap->mapped.create(TargetType::snapshot, snap->sectors,
					      snap->words(snap->chunk)),
			  0)
			<< name(snap) << ": " << snap->mapped.error_text();
		if (invalid != snap->invalid()) {
			EXPECT_TRUE(mark_lost) << name(snap);
			std::erase(snaps_, snap);
		}
		origin_.resume();
		if (good() && !snap->invalid() && !invalid)
			read(snap, 0, snap->sectors);
	}

	void change_origin()
	{
		if (origin_busy_)
			return;
		bool reload = random_.one_in(2);
		note(reload ? "reload" : "suspend and resume", nullptr, 0, 0, 0);
		if (reload) {
			ASSERT_EQ(origin_.load(TargetType::origin, sectors_, "disk"), 0);
		}
		origin_busy_ = true;
		world_.spawn("change", [this, reload] {
			if (!reload)
				origin_.suspend();
			EXPECT_EQ(origin_.resume(), 0);
			origin_busy_ = false;
		});
	}

	void remove(const std::shared_ptr<Snap> &snap)
	{
		if (!snap || snap->busy)
			return;
		note("remove", snap, 0, 0, 0);
		std::erase(snaps_, snap);
		snap->busy = true;
		/* Bios that wait for a resume are failed. */
		snap->may_fail = true;
		if (random_.one_in(2))
			snap->mapped.remove();
		else
			world_.spawn("remove", [snap] { snap->mapped.remove(); });
	}

	/* --- Trouble. --- */

	void trouble()
	{
		if (trouble_ & short_memory) {
			Memory &memory = Memory::instance();
			memory.fail_nothing();
			if (random_.one_in(2))
				memory.fail_nowait_randomly(random_.next(), 1 + random_.below(4));
			else if (random_.one_in(2))
				memory.fail_nowait_from(random_.below(20));
		}
		if (trouble_ & disk_faults && random_.one_in(2))
			disk_.fail_nth(Op::read, 1 + random_.below(10));
		auto snap = any_snap();
		if (!snap)
			return;
		if (trouble_ & cow_faults && random_.one_in(2)) {
			constexpr Op ops[] = {Op::read, Op::write, Op::flush, Op::zero};
			Op op = ops[random_.below(4)];
			note("fault of", snap, 0, 0, static_cast<Stamp>(op));
			snap->cow->fail_nth(op, 1 + random_.below(5));
			snap->may_fail = true;
		}
		if (trouble_ & small_cow && random_.one_in(2))
			snap->cow->resize(snap->cow->sectors() + random_.below(3 * snap->chunk));
	}

	void crash()
	{
		struct Before {
			bool invalid;
			bool marked;
		};
		poll();
		bool mark_lost = world_.log_holds("does not take the mark");
		std::vector<Before> before;
		for (const auto &snap : snaps_)
			before.push_back({snap->invalid(), snap->mapped.events() > 0});

		constexpr CrashPolicy::Keep keeps[] = {CrashPolicy::Keep::nothing,
						       CrashPolicy::Keep::everything,
						       CrashPolicy::Keep::some,
						       CrashPolicy::Keep::some};
		note("crash", nullptr, 0, 0, 0);
		world_.crash({.keep = keeps[random_.below(4)], .seed = random_.next()});
		world_.run_until_idle();
		for (const Asked &asked : asked_)
			if (!asked.request->done)
				fail("a request goes on for ever after the crash");
		asked_.clear();
		for (const auto &snap : snaps_)
			snap->mapped.remove();
		origin_.remove();
		world_.run_until_idle();
		world_.power_on();
		Memory::instance().fail_nothing();
		disk_.clear_faults();

		std::vector<Stamp> content = content_of_disk();
		check_left(nullptr, content);
		history_ = History(content);
		ASSERT_EQ(origin_.create(TargetType::origin, sectors_, "disk"), 0);

		std::vector<std::shared_ptr<Snap>> left;
		for (size_t i = 0; i < snaps_.size(); i++) {
			auto snap = snaps_[i];
			if (!snap->persistent)
				continue;
			snap->cow->clear_faults();
			ASSERT_EQ(snap->mapped.create(TargetType::snapshot, snap->sectors,
						      snap->words(snap->chunk)),
				  0)
				<< name(snap) << ": " << snap->mapped.error_text();
			if (snap->invalid()) {
				EXPECT_TRUE(before[i].invalid) << name(snap);
				continue;
			}
			if (before[i].marked && !mark_lost)
				fail(std::string(name(snap)) + " says that it is valid again");
			if (before[i].invalid && mark_lost)
				continue;
			std::vector<uint8_t> data = snap->mapped.read(0, snap->sectors);
			std::vector<Stamp> found(snap->sectors);
			for (uint64_t at = 0; at < snap->sectors; at++)
				found[at] = stamp_of(at, data.data() + at * 512);
			check_left(snap, found);
			snap->view = History(found);
			left.push_back(snap);
		}
		/* What is not in the list is removed by its destructor. */
		snaps_ = left;
	}

	void check_left(const std::shared_ptr<Snap> &snap, const std::vector<Stamp> &found)
	{
		const History &history = history_of(snap);
		for (uint64_t at = 0; at < found.size(); at++)
			if (!history.may_be_left(at, found[at])) {
				fail(user::text("%s: the crash left %u in sector %llu:", name(snap),
						found[at], static_cast<unsigned long long>(at)) +
				     history.describe(at));
				return;
			}
	}

	/* --- The run. --- */

	void act()
	{
		/* An origin that is busy commits for everybody. */
		switch (random_.below(quiet_origin_ ? 28 : 42) + (quiet_origin_ ? 14 : 0)) {
		case 0 ... 13:
			write(nullptr);
			break;
		case 14 ... 15:
			read(nullptr);
			break;
		case 16:
			flush(nullptr);
			break;
		case 17 ... 24:
			if (auto snap = any_snap())
				write(snap);
			break;
		case 25 ... 28:
			if (auto snap = any_snap())
				read(snap);
			break;
		case 29 ... 30:
			if (auto snap = any_snap())
				flush(snap);
			break;
		case 31:
			discard(any_snap());
			break;
		case 32:
			create_snapshot();
			break;
		case 33:
			if (random_.one_in(2))
				remove(any_snap());
			break;
		case 34 ... 35:
			if (random_.one_in(4))
				reactivate(any_snap());
			else
				change(any_snap());
			break;
		case 36:
			change_origin();
			break;
		case 37 ... 38:
			trouble();
			break;
		case 39:
			check_health();
			if (trouble_ & crashes && random_.one_in(2))
				crash();
			break;
		default:
			write_durably(any_snap());
		}
	}

	void crank()
	{
		switch (random_.below(6)) {
		case 0:
			break;
		case 1:
			if (random_.one_in(4))
				world_.settle();
			else if (random_.one_in(4))
				world_.run_for(2'000'000'000);
			break;
		default:
			world_.run_for(random_.below(random_.one_in(3) ? 1'000'000 : 50'000));
		}
	}

	void finish()
	{
		world_.run_until_idle();
		Memory::instance().fail_nothing();
		poll();
		if (!asked_.empty())
			fail(user::text("%zu requests never end", asked_.size()));
		if (!good())
			return;
		check_health();
		read(nullptr, 0, sectors_);
		for (const auto &snap : snaps_)
			if (!snap->invalid())
				read(snap, 0, snap->sectors);
		world_.run_until_idle();
		poll();
		if (random_.one_in(2))
			origin_.remove();
		snaps_.clear();
		origin_.remove();
	}

	Random random_;
	unsigned int trouble_;
	World world_;
	Core core_;
	unsigned int chunk_shift_;
	uint64_t sectors_;
	Device &disk_;
	History history_;
	Mapped origin_{"origin"};
	bool origin_busy_ = false;
	bool quiet_origin_ = random_.one_in(3);
	std::vector<std::shared_ptr<Snap>> snaps_;
	std::vector<Asked> asked_;
	unsigned int cows_ = 0;
	Stamp stamps_ = 1;
	History::Tick now_ = 1;
};

void stress(uint64_t count, unsigned int trouble)
{
	if (const char *more = std::getenv("DMSNAP_TEST_STEPS"))
		count = std::strtoull(more, nullptr, 0);
	for_seeds(count, [trouble](uint64_t seed) { Stress(seed, trouble).run(); });
}

TEST(SnapshotStress, views_stay_as_they_must_be)
{
	stress(100, 0);
}

TEST(SnapshotStress, a_snapshot_without_room_costs_nobody_else)
{
	stress(60, small_cow);
}

TEST(SnapshotStress, memory_may_run_out)
{
	stress(60, short_memory);
}

TEST(SnapshotStress, devices_may_fail)
{
	stress(60, cow_faults | disk_faults);
}

TEST(SnapshotStress, the_power_may_fail)
{
	stress(200, crashes);
}

TEST(SnapshotStress, everything_may_fail)
{
	stress(200, small_cow | short_memory | cow_faults | disk_faults | crashes);
}

} // namespace
} // namespace dmsnap::test
