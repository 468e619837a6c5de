// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fixtures for tests of the copier.  CopierRig is a world with a copier and disks; disk 0 is the
 * source.  Copy is a job with its targets and their results.
 */
#pragma once

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <vector>

#include <gtest/gtest.h>

#include "copier/copier.hpp"
#include "support/on_worker.hpp"
#include "user/bio.hpp"
#include "user/device.hpp"
#include "user/random.hpp"
#include "user/target.hpp"
#include "user/world.hpp"

namespace dmsnap::test {

constexpr uint64_t ns_per_ms = 1'000'000;

/* A part of a job's sectors and its destination. */
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
			      EXPECT_EQ(place.calls, 1) << "the job ended before a destination";
		      EXPECT_TRUE(job.destinations.empty());
		      if (self.on_done)
			      self.on_done();
	      }),
	      pieces(std::move(parts))
	{
		for (size_t i = 0; i < pieces.size(); i++)
			destinations.push_back(places.emplace_back());
	}

	struct Place : CopyDestination {
		Place()
		    : CopyDestination([](CopyDestination &destination) {
			      auto &self = static_cast<Place &>(destination);
			      self.calls++;
			      self.error_told = destination.error();
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

	user::Device &disk(size_t n) { return *disks_[n]; }
	static std::vector<uint8_t> content(uint64_t sector, uint64_t sectors)
	{
		/* Cheap to compute, and every sector has its number. */
		std::vector<uint8_t> data(sectors * 512);
		for (uint64_t i = 0; i < sectors; i++) {
			uint64_t words[2] = {user::Random::mix(sector + i), sector + i};
			std::memcpy(&data[i * 512], words, sizeof(words));
			std::memcpy(&data[i * 512 + 496], words, sizeof(words));
		}
		return data;
	}

	/* Copies @sectors sectors of disk 0, from @sector on. */
	void start(Copy &copy, uint64_t sector, uint64_t sectors)
	{
		copy.source = handles_[0];
		copy.sector = sector;
		copy.sectors = sectors;
		for (size_t i = 0; i < copy.pieces.size(); i++) {
			copy.places[i].device = handles_[copy.pieces[i].disk];
			copy.places[i].source = handles_[0];
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
	/* Each requested sector is at its destination, and no other sector was written. */
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

	void on_worker(std::function<void()> body) { run_on(world, *worker, std::move(body)); }

	user::World world;
	Owned<Worker> worker;
	Owned<Copier> copier;

private:
	void add_disk(uint64_t sectors, uint64_t latency_ns)
	{
		user::Device &made = world.add_device(
			{.name = "", .sectors = sectors, .latency_ns = latency_ns});
		dmsnap_device *handle = nullptr;
		EXPECT_EQ(dmsnap_port_device_open(&target_, made.number().c_str(),
						  DMSNAP_DEVICE_TABLE, &handle),
			  0);
		disks_.push_back(&made);
		handles_.push_back(handle);
	}

	user::Target target_;
	std::vector<user::Device *> disks_;
	std::vector<dmsnap_device *> handles_;
};

} // namespace dmsnap::test
