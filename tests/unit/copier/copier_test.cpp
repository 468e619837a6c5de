// SPDX-License-Identifier: GPL-2.0-only
#include "copier/copier.hpp"

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "support/pattern.hpp"
#include "support/seed.hpp"
#include "user/bio.hpp"
#include "user/memory.hpp"
#include "user/random.hpp"
#include "user/target.hpp"
#include "user/world.hpp"

namespace dmsnap::test {
namespace {

using user::Device;
using user::IoRecord;
using user::Memory;
using user::Op;
using user::Random;
using user::World;

constexpr uint64_t ns_per_ms = 1'000'000;

/* A part of a job's stretch, and its destination. */
struct Piece {
	size_t disk;
	uint64_t sector;
	uint64_t offset;
	uint64_t sectors;
};

/* A job and its results. */
class Copy : public CopyJob {
public:
	explicit Copy(std::vector<Piece> parts)
	    : CopyJob([](CopyJob &job) {
		      auto &self = static_cast<Copy &>(job);
		      self.done_calls++;
		      for (const Place &place : self.places)
			      EXPECT_EQ(place.calls, 1) << "the job ended before a target";
		      EXPECT_TRUE(job.targets.empty());
		      if (self.on_done)
			      self.on_done();
	      }),
	      pieces(std::move(parts))
	{
		for (size_t i = 0; i < pieces.size(); i++)
			targets.push_back(places.emplace_back());
	}

	struct Place : CopyTarget {
		Place()
		    : CopyTarget([](CopyTarget &target) {
			      auto &self = static_cast<Place &>(target);
			      self.calls++;
			      self.error_told = target.error();
		      })
		{
		}
		int calls = 0;
		int error_told = 0;
	};

	std::vector<Piece> pieces;
	std::deque<Place> places;
	int done_calls = 0;
	std::function<void()> on_done;
};

class CopierRig {
public:
	explicit CopierRig(size_t disks = 3, uint64_t sectors = 1 << 16,
			   user::WorldOptions options = {}, uint64_t latency_ns = 10'000)
	    : world(options)
	{
		for (size_t i = 0; i < disks; i++)
			add_disk(sectors, latency_ns);
		disk(0).poke(0, content(0, sectors));
		worker = std::move(*Worker::create("test"));
		copier = std::move(*Copier::create(*worker));
	}
	~CopierRig()
	{
		copier.reset();
		worker.reset();
		for (dmsnap_device *handle : handles_)
			dmsnap_port_device_close(&target_, handle);
	}
	CopierRig(const CopierRig &) = delete;
	CopierRig &operator=(const CopierRig &) = delete;

	Device &disk(size_t n) { return *disks_[n]; }
	static std::vector<uint8_t> content(uint64_t sector, uint64_t sectors)
	{
		/* Cheap, and every sector tells its number. */
		std::vector<uint8_t> data(sectors * 512);
		for (uint64_t i = 0; i < sectors; i++) {
			uint64_t words[2] = {Random::mix(sector + i), sector + i};
			std::memcpy(&data[i * 512], words, sizeof(words));
			std::memcpy(&data[i * 512 + 496], words, sizeof(words));
		}
		return data;
	}

	/* Copies of @sectors sectors from @sector of disk 0 on. */
	void start(Copy &copy, uint64_t sector, uint64_t sectors)
	{
		copy.source = handles_[0];
		copy.sector = sector;
		copy.sectors = sectors;
		for (size_t i = 0; i < copy.pieces.size(); i++) {
			copy.places[i].device = handles_[copy.pieces[i].disk];
			copy.places[i].sector = copy.pieces[i].sector;
			copy.places[i].source_offset = copy.pieces[i].offset;
			copy.places[i].sectors = copy.pieces[i].sectors;
		}
		on_worker([this, &copy] { copier->start(copy); });
	}
	void finish(Copy &copy)
	{
		EXPECT_TRUE(world.run_until([&] { return copy.done_calls > 0; }));
		EXPECT_EQ(copy.done_calls, 1);
	}
	void copy(Copy &job, uint64_t sector, uint64_t sectors)
	{
		start(job, sector, sectors);
		finish(job);
	}
	/* Every requested sector is at its destination, and no other sector was written. */
	void check(const Copy &job)
	{
		for (size_t i = 0; i < job.pieces.size(); i++) {
			const Piece &piece = job.pieces[i];
			EXPECT_EQ(job.places[i].error_told, 0) << "target " << i;
			EXPECT_TRUE(disk(piece.disk).peek(piece.sector, piece.sectors) ==
				    content(job.sector + piece.offset, piece.sectors))
				<< "target " << i;
		}
	}
	bool is_blank(size_t n, uint64_t sector, uint64_t sectors)
	{
		auto data = disk(n).peek(sector, sectors);
		return std::all_of(data.begin(), data.end(), [](uint8_t b) { return b == 0; });
	}

	void on_worker(std::function<void()> body)
	{
		struct Job : Task {
			explicit Job(std::function<void()> f)
			    : Task([](Task &task) {
				      auto &job = static_cast<Job &>(task);
				      job.body();
				      job.ran = true;
			      }),
			      body(std::move(f))
			{
			}
			std::function<void()> body;
			bool ran = false;
		} job(std::move(body));
		worker->post(job);
		EXPECT_TRUE(world.run_until([&] { return job.ran; }));
	}

	World world;
	Owned<Worker> worker;
	Owned<Copier> copier;

private:
	void add_disk(uint64_t sectors, uint64_t latency_ns)
	{
		Device &made = world.add_device(
			{.name = "", .sectors = sectors, .latency_ns = latency_ns});
		dmsnap_device *handle = nullptr;
		EXPECT_EQ(dmsnap_port_device_open(&target_, made.number().c_str(),
						  DMSNAP_DEVICE_TABLE, &handle),
			  0);
		disks_.push_back(&made);
		handles_.push_back(handle);
	}

	user::Target target_;
	std::vector<Device *> disks_;
	std::vector<dmsnap_device *> handles_;
};

TEST(Copier, reads_once_for_all_targets)
{
	CopierRig rig(4);
	Copy copy({{1, 100, 0, 128}, {2, 8, 0, 128}, {3, 0, 0, 128}});
	rig.copy(copy, 1000, 128);
	rig.check(copy);
	EXPECT_EQ(rig.disk(0).counters().reads, 1u);
	EXPECT_EQ(rig.disk(0).counters().read_sectors, 128u);
	for (size_t n : {1, 2, 3}) {
		EXPECT_EQ(rig.disk(n).counters().writes, 1u);
		EXPECT_EQ(rig.disk(n).counters().written_sectors, 128u);
		EXPECT_EQ(rig.disk(n).counters().flushes, 0u);
	}
}

TEST(Copier, writes_to_all_targets_at_once)
{
	CopierRig rig(4);
	for (size_t n : {1, 2, 3})
		rig.disk(n).hold(Op::write);
	Copy copy({{1, 0, 0, 64}, {2, 0, 0, 64}, {3, 0, 0, 64}});
	rig.start(copy, 0, 64);
	rig.world.settle();
	for (size_t n : {1, 2, 3})
		EXPECT_EQ(rig.disk(n).held(), 1u);
	EXPECT_EQ(copy.done_calls, 0);
	/* A slow one delays no other's done(). */
	rig.disk(2).release();
	rig.world.settle();
	EXPECT_EQ(copy.places[1].calls, 1);
	EXPECT_EQ(copy.places[0].calls, 0);
	rig.disk(1).release();
	rig.disk(3).release();
	rig.finish(copy);
	rig.check(copy);
}

TEST(Copier, gives_each_target_the_part_that_it_wants)
{
	/* Aligned to neither pages nor windows; two on one disk. */
	CopierRig rig(4);
	Copy copy({{1, 5000, 3, 700}, {2, 77, 513, 1}, {3, 0, 0, 512}, {3, 9000, 512, 511}});
	rig.copy(copy, 12345, 1023);
	rig.check(copy);
	EXPECT_TRUE(rig.is_blank(1, 4990, 10));
	EXPECT_TRUE(rig.is_blank(1, 5700, 10));
	EXPECT_TRUE(rig.is_blank(2, 70, 7));
	EXPECT_TRUE(rig.is_blank(2, 78, 10));
	EXPECT_TRUE(rig.is_blank(3, 512, 100));
	EXPECT_TRUE(rig.is_blank(3, 9511, 100));
	EXPECT_EQ(rig.disk(0).counters().read_sectors, 1023u);
	EXPECT_EQ(rig.disk(2).counters().writes, 1u);
}

TEST(Copier, goes_through_a_long_job_in_windows_with_many_in_flight)
{
	CopierRig rig(2);
	rig.disk(0).hold(Op::read);
	Copy copy({{1, 7, 0, 40000}});
	size_t before = Memory::instance().bytes();
	rig.start(copy, 11, 40000);
	rig.world.settle();
	/* 19.5 MiB are requested, 8 MiB are allowed, in pieces of 256 KiB. */
	EXPECT_GE(rig.disk(0).held(), 32u);
	EXPECT_LE(rig.disk(0).held(), 33u);
	EXPECT_LE(Memory::instance().bytes() - before,
		  (PageReserve::pages_max + 65) * DMSNAP_PAGE_SIZE);
	rig.disk(0).release();
	rig.finish(copy);
	rig.check(copy);
	uint64_t at = 11;
	for (const IoRecord &io : rig.disk(0).log()) {
		EXPECT_EQ(io.sector, at);
		EXPECT_LE(io.sectors, 512u);
		at += io.sectors;
	}
	EXPECT_EQ(at, 40011u);
}

TEST(Copier, keeps_to_its_cap_of_pages_whatever_the_jobs_are)
{
	/* Jobs of odd lengths, none of which ends. */
	CopierRig rig(2);
	rig.disk(1).hold(Op::write);
	std::deque<Copy> copies;
	size_t most = 0;
	size_t before = Memory::instance().bytes();
	for (uint64_t i = 0; i < 200; i++) {
		uint64_t sectors = 8 * 50 + i % 3;
		copies.emplace_back(std::vector<Piece>{{1, i * 300, 0, sectors}});
		rig.start(copies.back(), i, sectors);
		rig.world.settle();
		most = std::max(most, Memory::instance().bytes() - before);
	}
	size_t pages = PageReserve::pages_max;
	EXPECT_LE(most, pages * DMSNAP_PAGE_SIZE + (1u << 18));
	EXPECT_GT(most, (pages - 64) * DMSNAP_PAGE_SIZE);
	rig.disk(1).release();
	for (Copy &copy : copies)
		rig.finish(copy);
}

TEST(Copier, gives_background_jobs_little_and_takes_them_last)
{
	CopierRig rig(3, 1 << 16);
	rig.disk(0).hold(Op::read);
	Copy background({{1, 0, 0, 32768}});
	background.background_pages = 512;
	rig.start(background, 0, 32768);
	rig.world.run_for(10 * ns_per_ms);
	EXPECT_EQ(rig.disk(0).held() * 512, background.background_pages * 8);

	/* Memory is left for a copy that is waited for, and it is next. */
	Copy urgent({{2, 0, 0, 4096}});
	rig.start(urgent, 40000, 4096);
	rig.world.run_for(10 * ns_per_ms);
	EXPECT_EQ(rig.disk(0).held() * 512, background.background_pages * 8 + 4096);
	rig.disk(0).release();
	rig.finish(urgent);
	EXPECT_EQ(background.done_calls, 0);
	rig.finish(background);
	rig.check(background);
	rig.check(urgent);
}

/* However much is requested of them, and however many there are. */
TEST(Copier, leaves_pages_to_the_others_when_destinations_hang)
{
	CopierRig rig(5, 1 << 16);
	CopyShare shares[5];
	std::deque<Copy> hanging;
	auto start = [&](Copy &copy, uint64_t sector, uint64_t sectors) {
		for (size_t i = 0; i < copy.pieces.size(); i++)
			copy.places[i].share = &shares[copy.pieces[i].disk];
		rig.start(copy, sector, sectors);
	};
	for (size_t disk : {1, 2, 3}) {
		rig.disk(disk).hold(Op::write);
		for (uint64_t n = 0; n < 16; n++)
			start(hanging.emplace_back(std::vector<Piece>{{disk, n * 2048, 0, 2048}}),
			      n * 2048, 2048);
		rig.world.run_for(100 * ns_per_ms);
	}
	EXPECT_GT(shares[3].pages, 64u);
	EXPECT_LE(shares[1].pages, PageReserve::pages_max / 2);

	Copy copy({{4, 0, 0, 4096}});
	start(copy, 100, 4096);
	rig.finish(copy);
	rig.check(copy);
	/* A copy that waits for its share continues when pages return to it. */
	for (size_t disk : {1, 2, 3})
		rig.disk(disk).release();
	for (Copy &one : hanging) {
		rig.finish(one);
		rig.check(one);
	}
	for (const CopyShare &share : shares)
		EXPECT_EQ(share.pages, 0u);
}

/* Its windows do not end, because another destination takes part in all of them. */
TEST(Copier, continues_copies_that_wait_for_a_share_while_a_window_hangs)
{
	CopierRig rig(3, 1 << 16);
	CopyShare shares[2];
	std::deque<Copy> both;
	for (size_t disk : {1, 2})
		rig.disk(disk).hold(Op::write);
	for (uint64_t n = 0; n < 16; n++) {
		Copy &copy = both.emplace_back(
			std::vector<Piece>{{1, n * 2048, 0, 2048}, {2, n * 2048, 0, 2048}});
		copy.places[0].share = &shares[0];
		copy.places[1].share = &shares[1];
		rig.start(copy, n * 2048, 2048);
	}
	Copy alone({{2, 40000, 0, 2048}});
	alone.places[0].share = &shares[1];
	rig.start(alone, 40000, 2048);
	rig.world.run_for(100 * ns_per_ms);
	EXPECT_EQ(alone.done_calls, 0);

	rig.disk(2).release();
	rig.finish(alone);
	rig.check(alone);
	rig.disk(1).release();
	for (Copy &copy : both) {
		rig.finish(copy);
		rig.check(copy);
	}
}

TEST(Copier, gives_the_pages_of_a_share_back_when_a_read_or_write_fails)
{
	for (Op failing : {Op::read, Op::write}) {
		CopierRig rig(3, 1 << 16);
		CopyShare shares[2];
		Copy copy({{1, 0, 0, 2048}, {2, 0, 0, 2048}});
		copy.places[0].share = &shares[0];
		copy.places[1].share = &shares[1];
		rig.disk(failing == Op::read ? 0 : 1).fail_range(failing, 700, 1);
		rig.start(copy, 0, 2048);
		rig.finish(copy);
		EXPECT_NE(copy.places[0].error_told, 0);
		EXPECT_EQ(shares[0].pages, 0u);
		EXPECT_EQ(shares[1].pages, 0u);
	}
}

TEST(Copier, needs_no_memory_but_its_reserves)
{
	CopierRig rig(4);
	Memory::instance().fail_nowait_from(0);
	size_t before = Memory::instance().bytes();
	Copy copy({{1, 0, 0, 20000}, {2, 3, 100, 9000}, {3, 1, 19999, 1}});
	rig.start(copy, 5, 20000);
	size_t most = 0;
	rig.world.run_until([&] {
		most = std::max(most, Memory::instance().bytes() - before);
		return copy.done_calls > 0;
	});
	Memory::instance().fail_nothing();
	EXPECT_EQ(copy.done_calls, 1);
	rig.check(copy);
	/* Windows and transfers. */
	EXPECT_LT(most, 16384u);
}

TEST(Copier, ends_every_job_whenever_memory_becomes_short)
{
	for (uint64_t n = 0; n < 150; n += 1 + n / 16) {
		CopierRig rig(3, 8192);
		Memory::instance().fail_nowait_from(n);
		Copy one({{1, 0, 0, 2000}, {2, 0, 0, 2000}});
		Copy two({{1, 2000, 0, 1001}, {2, 2000, 10, 900}});
		Copy three({{2, 5000, 0, 1}});
		rig.start(one, 0, 2000);
		rig.start(two, 3000, 1001);
		rig.start(three, 5, 1);
		for (Copy *copy : {&one, &two, &three}) {
			rig.finish(*copy);
			rig.check(*copy);
		}
		Memory::instance().fail_nothing();
	}
}

TEST(Copier, serves_more_targets_than_there_are_writes_in_reserve)
{
	CopierRig rig(2);
	Memory::instance().fail_nowait_from(0);
	std::vector<Piece> pieces;
	for (uint64_t i = 0; i < 60; i++)
		pieces.push_back({1, i * 64, i % 5, 32 - i % 5});
	Copy copy(pieces);
	Copy other(std::vector<Piece>{{1, 20000, 0, 600}});
	rig.start(copy, 999, 32);
	rig.start(other, 2000, 600);
	rig.finish(copy);
	rig.finish(other);
	Memory::instance().fail_nothing();
	rig.check(copy);
	rig.check(other);
}

TEST(Copier, reports_a_failed_read_to_the_destinations_of_that_window)
{
	CopierRig rig(4);
	rig.disk(0).fail_range(Op::read, 600, 1);
	Copy copy({{1, 0, 0, 2048}, {2, 0, 0, 512}, {3, 0, 600, 1}, {3, 4000, 1024, 1024}});
	rig.copy(copy, 0, 2048);
	EXPECT_EQ(copy.places[0].error_told, -5);
	EXPECT_EQ(copy.places[1].error_told, 0);
	EXPECT_EQ(copy.places[2].error_told, -5);
	EXPECT_EQ(copy.places[3].error_told, 0);
	/* Unreadable sectors are not written. */
	EXPECT_TRUE(rig.is_blank(3, 0, 1));
	EXPECT_TRUE(rig.is_blank(1, 512, 512));
	EXPECT_TRUE(rig.disk(2).peek(0, 512) == CopierRig::content(0, 512));
	EXPECT_TRUE(rig.disk(3).peek(4000, 1024) == CopierRig::content(1024, 1024));
}

TEST(Copier, reports_an_unreadable_sector_only_to_its_destinations)
{
	/* Parts that share pages, and are adjacent in one. */
	CopierRig rig(4);
	rig.disk(0).fail_range(Op::read, 205, 1);
	Copy copy({{1, 0, 0, 512},
		   {2, 0, 0, 205},
		   {2, 1000, 205, 1},
		   {3, 0, 206, 306},
		   {3, 2000, 100, 50},
		   {3, 4000, 200, 100}});
	rig.copy(copy, 0, 512);
	for (size_t bad : {0, 2, 5})
		EXPECT_EQ(copy.places[bad].error_told, -5) << bad;
	for (size_t bad : {0, 2, 5})
		EXPECT_TRUE(copy.places[bad].read_failed) << bad;
	for (size_t good : {1, 3, 4}) {
		const Piece &piece = copy.pieces[good];
		EXPECT_EQ(copy.places[good].error_told, 0) << good;
		EXPECT_FALSE(copy.places[good].read_failed) << good;
		EXPECT_TRUE(rig.disk(piece.disk).peek(piece.sector, piece.sectors) ==
			    CopierRig::content(piece.offset, piece.sectors))
			<< good;
	}
	/* Unreadable sectors are not written. */
	EXPECT_TRUE(rig.is_blank(1, 0, 512));
	EXPECT_TRUE(rig.is_blank(2, 1000, 1));
	EXPECT_TRUE(rig.is_blank(3, 4000, 100));
	/* Once for all, and once for each destination that needs less. */
	EXPECT_EQ(rig.disk(0).counters().reads, 6u);
}

TEST(Copier, ends_no_window_whose_parts_are_still_being_written)
{
	/* The same part twice is read once, and both writes go together. */
	CopierRig rig(4);
	rig.disk(0).fail_range(Op::read, 0, 1);
	rig.disk(2).hold(Op::write);
	rig.disk(3).hold(Op::write);
	Copy copy({{1, 0, 0, 512}, {2, 0, 100, 50}, {3, 0, 100, 50}, {1, 600, 150, 1}});
	static uint64_t reads_at_all_read;
	static Device *source;
	reads_at_all_read = 0;
	source = &rig.disk(0);
	copy.all_read = [](CopyJob &) { reads_at_all_read += source->counters().reads; };
	rig.start(copy, 0, 512);
	rig.world.settle();
	EXPECT_EQ(rig.disk(0).counters().reads, 2u);
	EXPECT_EQ(rig.disk(3).held(), 1u);
	rig.disk(2).release();
	rig.world.settle();
	EXPECT_EQ(copy.places[1].calls, 1);
	/* The source is still needed. */
	EXPECT_EQ(reads_at_all_read, 0u);
	EXPECT_EQ(copy.done_calls, 0);
	rig.disk(3).release();
	rig.finish(copy);
	EXPECT_EQ(reads_at_all_read, 3u);
	EXPECT_EQ(copy.places[2].error_told, 0);
	EXPECT_TRUE(rig.disk(3).peek(0, 50) == CopierRig::content(100, 50));
}

TEST(Copier, reads_nothing_again_for_a_destination_of_everything)
{
	CopierRig rig(2);
	rig.disk(0).fail_range(Op::read, 700, 1);
	Copy copy({{1, 0, 0, 1024}});
	rig.copy(copy, 0, 1024);
	EXPECT_EQ(copy.places[0].error_told, -5);
	EXPECT_EQ(rig.disk(0).counters().reads, 2u);
}

TEST(Copier, reports_an_unreadable_sector_only_to_its_destinations_when_memory_is_short)
{
	CopierRig rig(3);
	Memory::instance().fail_nowait_from(0);
	rig.disk(0).fail_range(Op::read, 7, 1);
	std::vector<Piece> pieces;
	for (uint64_t i = 0; i < 32; i++)
		pieces.push_back({1, i * 64, i, 32 - i});
	Copy copy(pieces);
	Copy other(std::vector<Piece>{{2, 20000, 0, 600}});
	rig.start(copy, 0, 32);
	rig.start(other, 2000, 600);
	rig.finish(copy);
	rig.finish(other);
	Memory::instance().fail_nothing();
	rig.check(other);
	for (uint64_t i = 0; i < 32; i++)
		EXPECT_EQ(copy.places[i].error_told, i <= 7 ? -5 : 0) << i;
}

TEST(Copier, tells_of_a_failed_write_its_target_only)
{
	CopierRig rig(4);
	rig.disk(2).fail_nth(Op::write, 2, -28);
	rig.disk(2).fail_nth(Op::write, 3, -5);
	Copy copy({{1, 0, 0, 2048}, {2, 0, 0, 2048}, {3, 0, 0, 2048}});
	rig.copy(copy, 0, 2048);
	EXPECT_EQ(copy.places[0].error_told, 0);
	/* The first one. */
	EXPECT_EQ(copy.places[1].error_told, -28);
	EXPECT_EQ(copy.places[2].error_told, 0);
	EXPECT_TRUE(rig.disk(1).peek(0, 2048) == CopierRig::content(0, 2048));
	EXPECT_TRUE(rig.disk(3).peek(0, 2048) == CopierRig::content(0, 2048));
}

TEST(Copier, continues_with_the_next_job_after_a_failed_one)
{
	CopierRig rig(2);
	rig.disk(0).fail_nth(Op::read, 1);
	Copy bad({{1, 0, 0, 100}});
	rig.copy(bad, 0, 100);
	EXPECT_EQ(bad.places[0].error_told, -5);
	Copy good({{1, 200, 0, 100}});
	rig.copy(good, 0, 100);
	rig.check(good);
}

TEST(Copier, takes_a_job_from_the_end_of_another)
{
	CopierRig rig(2);
	Copy first({{1, 0, 0, 100}});
	Copy second({{1, 500, 0, 3000}});
	first.on_done = [&] {
		/* On the worker already. */
		second.source = first.source;
		second.sector = 100;
		second.sectors = 3000;
		second.places[0].device = first.places[0].device;
		second.places[0].sector = 500;
		second.places[0].sectors = 3000;
		rig.copier->start(second);
	};
	rig.copy(first, 0, 100);
	rig.finish(second);
	rig.check(first);
	rig.check(second);
}

/* Copies of 4 KiB from anywhere; their reads end together. */
class CopierGathers : public testing::Test {
protected:
	void copy_all(const std::vector<std::vector<Piece>> &wanted)
	{
		rig.disk(0).hold(Op::read);
		for (const auto &pieces : wanted) {
			copies.emplace_back(pieces);
			rig.start(copies.back(), 8 * (1 + 37 * copies.size() % 101), 8);
		}
		rig.world.settle();
		rig.disk(0).release();
		for (Copy &copy : copies)
			rig.finish(copy);
	}
	void check_all()
	{
		for (Copy &copy : copies)
			rig.check(copy);
	}

	CopierRig rig;
	std::deque<Copy> copies;
};

TEST_F(CopierGathers, what_lies_side_by_side_into_one_write)
{
	std::vector<std::vector<Piece>> wanted;
	for (uint64_t i = 0; i < 20; i++)
		wanted.push_back({{1, 1000 + 8 * i, 0, 8}, {2, 8 * i, 0, 8}});
	copy_all(wanted);
	check_all();
	for (size_t n : {1, 2}) {
		EXPECT_EQ(rig.disk(n).counters().writes, 1u);
		EXPECT_EQ(rig.disk(n).counters().written_sectors, 160u);
	}
}

TEST_F(CopierGathers, no_more_than_a_window)
{
	std::vector<std::vector<Piece>> wanted;
	for (uint64_t i = 0; i < 100; i++)
		wanted.push_back({{1, 8 * i, 0, 8}});
	copy_all(wanted);
	check_all();
	ASSERT_EQ(rig.disk(1).log().size(), 2u);
	EXPECT_EQ(rig.disk(1).log()[0].sectors, 512u);
	EXPECT_EQ(rig.disk(1).log()[1].sectors, 288u);
}

TEST_F(CopierGathers, nothing_over_a_gap_or_after_half_a_page)
{
	/* A gap; back; gap; half a page at the end of 1, and at the start of 2, where it may be. */
	copy_all({{{1, 100, 0, 8}},
		  {{1, 116, 0, 8}},
		  {{1, 108, 0, 8}},
		  {{1, 124, 0, 5}, {2, 0, 3, 5}},
		  {{1, 129, 0, 8}},
		  {{1, 137, 0, 8}, {2, 5, 0, 8}}});
	check_all();
	EXPECT_EQ(rig.disk(1).counters().writes, 5u);
	EXPECT_EQ(rig.disk(2).counters().writes, 1u);
	EXPECT_TRUE(rig.is_blank(1, 145, 20));
}

TEST_F(CopierGathers, no_writes_that_may_wait_with_those_that_may_not)
{
	rig.disk(0).hold(Op::read);
	for (uint64_t i = 0; i < 3; i++) {
		copies.emplace_back(std::vector<Piece>{{1, 8 * i, 0, 8}});
		copies.back().write_flags = i == 1 ? 0 : DMSNAP_IO_SYNC;
		rig.start(copies.back(), 80 * i, 8);
	}
	rig.world.settle();
	rig.disk(0).release();
	for (Copy &copy : copies)
		rig.finish(copy);
	check_all();
	EXPECT_EQ(rig.disk(1).counters().writes, 3u);
}

TEST_F(CopierGathers, and_a_failure_counts_for_every_copy_in_it)
{
	rig.disk(1).fail_nth(Op::write, 1);
	copy_all({{{1, 0, 0, 8}, {2, 0, 0, 8}}, {{1, 8, 0, 8}}, {{1, 100, 0, 8}}});
	EXPECT_EQ(copies[0].places[0].error_told, -5);
	EXPECT_EQ(copies[0].places[1].error_told, 0);
	EXPECT_EQ(copies[1].places[0].error_told, -5);
	EXPECT_EQ(copies[2].places[0].error_told, 0);
}

/* Jobs of every kind at once, with every kind of fault. */
void copy_at_random(uint64_t seed)
{
	Random random(seed);
	CopierRig rig(4, 1 << 14, {.order = user::Order::random, .seed = seed});
	bool faults = random.one_in(3);
	if (random.one_in(2))
		Memory::instance().fail_nowait_randomly(seed, 1 + random.below(8));
	if (faults)
		for (uint64_t i = 0; i < 3; i++)
			rig.disk(random.below(4))
				.fail_nth(random.one_in(2) ? Op::read : Op::write,
					  1 + random.below(20));
	std::deque<Copy> copies;
	uint64_t next[4] = {};
	for (uint64_t i = 0; i < 12; i++) {
		uint64_t sectors = 1 + random.below(random.one_in(3) ? 2000 : 100);
		std::vector<Piece> pieces;
		/* The first takes all of it. */
		for (size_t n = 1 + random.below(3); n; n--) {
			uint64_t offset = pieces.empty() ? 0 : random.below(sectors);
			uint64_t length = pieces.empty() ? sectors
							 : 1 + random.below(sectors - offset);
			if (next[n] + length > 1 << 14)
				continue;
			pieces.push_back({n, next[n], offset, length});
			next[n] += length;
		}
		if (pieces.empty())
			continue;
		copies.emplace_back(pieces);
		rig.start(copies.back(), random.below((1 << 14) - sectors), sectors);
		for (uint64_t steps = random.below(30); steps; steps--)
			rig.world.step();
	}
	for (Copy &copy : copies) {
		rig.finish(copy);
		if (!faults) {
			rig.check(copy);
			continue;
		}
		for (size_t i = 0; i < copy.pieces.size(); i++) {
			const Piece &piece = copy.pieces[i];
			EXPECT_TRUE(copy.places[i].error_told ||
				    rig.disk(piece.disk).peek(piece.sector, piece.sectors) ==
					    CopierRig::content(copy.sector + piece.offset,
							       piece.sectors))
				<< "a destination without an error lacks its data";
		}
	}
	Memory::instance().fail_nothing();
}

/* Sectors that cannot be read, in some of the windows; memory short or not. */
void copy_around_bad_sectors(uint64_t seed)
{
	Random random(seed);
	CopierRig rig(4, 1 << 13, {.order = user::Order::random, .seed = seed});
	if (random.one_in(2))
		Memory::instance().fail_nowait_randomly(seed, 1 + random.below(8));
	std::vector<uint64_t> bad;
	for (uint64_t n = 1 + random.below(4); n; n--) {
		bad.push_back(random.below(2000));
		rig.disk(0).fail_range(Op::read, bad.back(), 1);
	}
	std::deque<Copy> copies;
	uint64_t next = 0;
	for (uint64_t i = 0; i < 4; i++) {
		uint64_t sectors = 1 + random.below(800);
		std::vector<Piece> pieces;
		for (size_t n = 1; n < 4; n++) {
			uint64_t offset = n == 1 ? 0 : random.below(sectors);
			uint64_t length = n == 1 ? sectors : 1 + random.below(sectors - offset);
			if (n > 1 && random.one_in(3))
				pieces.push_back(
					{n, next, pieces.back().offset, pieces.back().sectors});
			else
				pieces.push_back({n, next, offset, length});
		}
		next += sectors;
		copies.emplace_back(pieces);
		rig.start(copies.back(), random.below(2000), sectors);
	}
	for (Copy &copy : copies) {
		rig.finish(copy);
		for (size_t i = 0; i < copy.pieces.size(); i++) {
			const Piece &piece = copy.pieces[i];
			uint64_t begin = copy.sector + piece.offset;
			bool hit = std::any_of(bad.begin(), bad.end(), [&](uint64_t sector) {
				return begin <= sector && sector < begin + piece.sectors;
			});
			EXPECT_EQ(copy.places[i].error_told, hit ? -5 : 0);
			EXPECT_TRUE(hit || rig.disk(piece.disk).peek(piece.sector, piece.sectors) ==
						   CopierRig::content(begin, piece.sectors));
		}
	}
	Memory::instance().fail_nothing();
}

TEST(Copier, fails_only_destinations_of_a_bad_sector_in_any_order_of_completions)
{
	for_seeds(120, copy_around_bad_sectors);
}

TEST(Copier, writes_zeros_where_a_target_reaches_over_the_end_of_the_stretch)
{
	/* In the last page read, in separate pages, and in a separate window. */
	for (uint64_t sectors : {1u, 3u, 7u, 8u, 500u, 511u, 512u, 513u, 1000u}) {
		CopierRig rig(3);
		Copy copy({{1, 0, 0, 1024}, {2, 0, 0, sectors}});
		rig.disk(1).poke(0, std::vector<uint8_t>(1100 * 512, 0xee));
		rig.copy(copy, 3000, sectors);
		EXPECT_EQ(copy.places[0].error_told, 0);
		EXPECT_TRUE(rig.disk(1).peek(0, sectors) == CopierRig::content(3000, sectors));
		EXPECT_TRUE(rig.is_blank(1, sectors, 1024 - sectors)) << sectors;
		EXPECT_EQ(rig.disk(1).peek(1024, 1)[0], 0xee);
		EXPECT_TRUE(rig.disk(2).peek(0, sectors) == CopierRig::content(3000, sectors));
		EXPECT_TRUE(rig.is_blank(2, sectors, 100));
		EXPECT_EQ(rig.disk(0).counters().read_sectors, sectors);
	}
}

TEST(Copier, copies_what_it_was_told_in_any_order_of_completions)
{
	for_seeds(120, copy_at_random);
}

TEST(Copier, leaves_nothing_when_it_cannot_be_made)
{
	World world;
	auto worker = std::move(*Worker::create("test"));
	Memory &memory = Memory::instance();
	size_t before = memory.outstanding();
	for (uint64_t n = 0;; n++) {
		memory.fail_construct_at(n);
		auto copier = Copier::create(*worker);
		bool all_tried = memory.construct_requests() <= n;
		memory.fail_nothing();
		EXPECT_EQ(!copier, !all_tried) << n;
		if (copier)
			break;
		EXPECT_EQ(copier.error(), Error::no_memory);
		EXPECT_EQ(memory.outstanding(), before) << n;
	}
}

TEST(Copier, can_end_while_its_throttle_still_runs)
{
	CopierRig rig(2);
	rig.world.copy_throttle = 1;
	Copy copy({{1, 0, 0, 60000}});
	rig.copy(copy, 0, 60000);
}

/* Percent of the time in which copies are in flight, with always more to do. */
double busy_share(unsigned int percent, uint64_t sectors, uint64_t latency_ns)
{
	CopierRig rig(2, 1 << 13, {}, latency_ns);
	rig.world.copy_throttle = percent;
	uint64_t begin = rig.world.now_ns();
	uint64_t busy = 0;
	while (rig.world.now_ns() < begin + 20'000 * ns_per_ms) {
		Copy copy({{1, 0, 0, sectors}});
		rig.start(copy, 0, sectors);
		while (!copy.done_calls) {
			bool flying = rig.disk(0).in_flight() + rig.disk(1).in_flight() > 0;
			uint64_t before = rig.world.now_ns();
			EXPECT_TRUE(rig.world.step());
			if (flying)
				busy += rig.world.now_ns() - before;
		}
	}
	return 100.0 * static_cast<double>(busy) / static_cast<double>(rig.world.now_ns() - begin);
}

TEST(CopierThrottle, keeps_copies_to_their_share_of_the_time)
{
	for (unsigned int percent : {2u, 10u, 25u, 50u, 75u, 90u}) {
		double share = busy_share(percent, 8, 5 * ns_per_ms);
		EXPECT_LE(share, percent * 1.05 + 1) << percent << " %";
		EXPECT_GE(share, percent * 0.8) << percent << " %";
	}
}

TEST(CopierThrottle, holds_for_long_jobs_as_well)
{
	double share = busy_share(20, 8000, 20 * ns_per_ms);
	EXPECT_LE(share, 22);
	EXPECT_GE(share, 16);
}

TEST(CopierThrottle, of_100_percent_is_none_and_of_0_percent_lets_something_through)
{
	EXPECT_GT(busy_share(100, 8, 5 * ns_per_ms), 99.9);
	EXPECT_GT(busy_share(1000, 8, 5 * ns_per_ms), 99.9);
	double least = busy_share(0, 8, 5 * ns_per_ms);
	EXPECT_GT(least, 0.5);
	EXPECT_LT(least, 2.0);
}

TEST(CopierThrottle, changes_take_effect_on_jobs_that_wait)
{
	CopierRig rig(2, 1 << 13, {}, 300 * ns_per_ms);
	rig.world.copy_throttle = 1;
	Copy first({{1, 0, 0, 8}});
	rig.copy(first, 0, 8);
	Copy second({{1, 8, 0, 8}});
	rig.start(second, 8, 8);
	rig.world.run_for(700 * ns_per_ms);
	EXPECT_EQ(rig.disk(0).counters().reads, 1u);
	rig.world.copy_throttle = 100;
	rig.world.run_for(1000 * ns_per_ms);
	EXPECT_EQ(rig.disk(0).counters().reads, 2u);
	rig.finish(second);
}

TEST(CopierThrottle, begins_at_once_after_an_idle_time_and_gives_no_credit_for_it)
{
	CopierRig rig(2, 1 << 13, {}, 5 * ns_per_ms);
	rig.world.copy_throttle = 10;
	rig.world.run_for(3'600'000 * ns_per_ms);
	uint64_t begin = rig.world.now_ns();
	uint64_t copies = 0;
	while (rig.world.now_ns() < begin + 3000 * ns_per_ms) {
		Copy copy({{1, 0, 0, 8}});
		rig.start(copy, 0, 8);
		rig.finish(copy);
		if (copies++ == 0) {
			EXPECT_LE(rig.world.now_ns() - begin, 11 * ns_per_ms);
		}
	}
	/* 10 ms each: 30 make 10 percent of 3 s, and half a second was saved up. */
	EXPECT_LE(copies, 37u);
	EXPECT_GE(copies, 27u);
}

} // namespace
} // namespace dmsnap::test
