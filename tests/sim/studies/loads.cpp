// SPDX-License-Identifier: GPL-2.0-only
#include "sim/studies/loads.hpp"

#include <algorithm>
#include <functional>
#include <numeric>

#include "user/failure.hpp"

namespace dmsnap::sim::studies {
namespace {

using user::Random;
using user::World;

constexpr uint64_t page_sectors = WriteBack::page_sectors;
constexpr uint64_t disk_pages = 65536;
constexpr uint64_t disk_sectors = disk_pages * page_sectors;
/* Room for all of the disk and the metadata. */
constexpr uint64_t cow_sectors = disk_sectors + disk_sectors / 8;
/* The pages before it are for sequential writes. */
constexpr uint64_t random_begin = disk_pages / 2;
constexpr uint64_t think_ns = 5000;
/* The queue depth of SATA. */
constexpr unsigned int tags = 32;

constexpr DeviceKind kinds[] = {
	{"20 us", 20'000, 50'000, 512},
	{"100 us", 100'000, 200'000, 1024},
	{"1 ms", 1'000'000, 2'000'000, 2560},
};

} // namespace

class Lab {
public:
	Lab(const DeviceKind &kind, Behind behind, WriteBack::Options options)
	    : disk_(add("disk", disk_sectors, kind)), cow_(add("cow", cow_sectors, kind)),
	      random_pages_(disk_pages - random_begin)
	{
		world_.cow_threshold = 2048;
		world_.copy_ahead = 1024;
		if (behind == Behind::bare)
			volume_ = std::make_unique<BareVolume>(world_, disk_);
		else if (behind == Behind::today)
			volume_ = std::make_unique<TodaysVolume>(disk_sectors);
		else
			volume_ = std::make_unique<WriteBack>(world_, disk_, cow_, options);
		std::iota(random_pages_.begin(), random_pages_.end(), random_begin);
		Random random(1);
		for (size_t left = random_pages_.size(); left > 1; left--)
			std::swap(random_pages_[left - 1], random_pages_[random.below(left)]);
	}

	Seen run(const Load &load, uint64_t writes)
	{
		world_.run_for(10'000'000);
		disk_.reset_log();
		cow_.reset_log();
		bool ended = false;
		uint64_t begun_ns = world_.now_ns();
		world_.spawn("load", [&] {
			load.run(*this, writes);
			flush();
			ended = true;
		});
		world_.run_until([&ended] { return ended; });
		seen_.elapsed_ns = world_.now_ns() - begun_ns;
		seen_.commits = cow_.counters().fua_writes;
		seen_.pages_peak = volume_->pages_peak();
		volume_.reset();
		/* The last flush was not part of the load. */
		seen_.flush_ns.pop_back();
		std::sort(seen_.write_ns.begin(), seen_.write_ns.end());
		std::sort(seen_.flush_ns.begin(), seen_.flush_ns.end());
		return seen_;
	}

	/* --- For loads.  Context: the load's process. --- */

	void write(uint64_t page, uint64_t pages = 1, bool fua = false)
	{
		think();
		std::vector<uint8_t> data(pages * WriteBack::page_bytes, 1);
		uint64_t begun_ns = world_.now_ns();
		if (volume_->write(page * page_sectors, data, fua))
			user::die("a write failed");
		seen_.write_ns.push_back(world_.now_ns() - begun_ns);
		seen_.writes++;
	}
	void flush()
	{
		uint64_t begun_ns = world_.now_ns();
		if (volume_->flush())
			user::die("a flush failed");
		seen_.flush_ns.push_back(world_.now_ns() - begun_ns);
	}
	/* A random page that has not been written yet. */
	uint64_t random_page()
	{
		if (random_used_ == random_pages_.size())
			user::die("no page is left");
		return random_pages_[random_used_++];
	}
	/* Runs @body in @count processes at once, and waits for all. */
	void at_once(uint64_t count, const std::function<void(uint64_t)> &body)
	{
		uint64_t left = count;
		for (uint64_t n = 0; n < count; n++)
			world_.spawn("one of many", [this, n, &left, &body] {
				body(n);
				if (--left == 0)
					world_.wake(&left);
			});
		world_.wait(&left, "all", [&left] { return left == 0; });
	}

private:
	user::Device &add(const char *name, uint64_t sectors, const DeviceKind &kind)
	{
		return world_.add_device({.name = name,
					  .sectors = sectors,
					  .latency_ns = kind.latency_ns,
					  .flush_ns = kind.flush_ns,
					  .sector_ns = kind.sector_ns,
					  .tags = tags});
	}
	void think()
	{
		processor_ns_ = std::max(processor_ns_, world_.now_ns()) + think_ns;
		bool over = false;
		world_.complete_at(processor_ns_, [this, &over] {
			over = true;
			world_.wake(&over);
		});
		world_.wait(&over, "the processor", [&over] { return over; });
	}

	World world_;
	user::Device &disk_;
	user::Device &cow_;
	std::unique_ptr<Volume> volume_;
	std::vector<uint64_t> random_pages_;
	size_t random_used_ = 0;
	/* The processor is busy until then. */
	uint64_t processor_ns_ = 0;
	Seen seen_;
};

namespace {

/* Writes as a file system's journal does: data, then the log, then the commit record. */
void journal(Lab &lab, uint64_t writes)
{
	constexpr uint64_t data = 16, log = 4;
	for (uint64_t at = 0; writes; writes -= std::min(writes, data + log + 1)) {
		lab.at_once(data, [&lab](uint64_t) { lab.write(lab.random_page()); });
		lab.at_once(log, [&lab, at](uint64_t n) { lab.write(at + n); });
		lab.flush();
		lab.write(at + log, 1, true);
		at += log + 1;
	}
}

constexpr Load all_loads[] = {
	{"random 4 KiB, one at a time",
	 [](Lab &lab, uint64_t writes) {
		 while (writes--)
			 lab.write(lab.random_page());
	 }},
	{"sequential 4 KiB, one at a time",
	 [](Lab &lab, uint64_t writes) {
		 for (uint64_t at = 0; at < writes; at++)
			 lab.write(at);
	 }},
	{"random 4 KiB, 32 in flight",
	 [](Lab &lab, uint64_t writes) {
		 lab.at_once(32, [&lab, writes](uint64_t) {
			 for (uint64_t left = writes / 32; left; left--)
				 lab.write(lab.random_page());
		 });
	 }},
	{"random 4 KiB, fdatasync after each",
	 [](Lab &lab, uint64_t writes) {
		 for (; writes; writes--) {
			 lab.write(lab.random_page());
			 lab.flush();
		 }
	 }},
	{"the same after each 16",
	 [](Lab &lab, uint64_t writes) {
		 for (; writes; writes--) {
			 lab.write(lab.random_page());
			 if (writes % 16 == 1)
				 lab.flush();
		 }
	 }},
	{"a log, 8 KiB and fdatasync",
	 [](Lab &lab, uint64_t writes) {
		 for (uint64_t at = 0; at < writes; at++) {
			 lab.write(at * 2, 2);
			 lab.flush();
		 }
	 }},
	{"a journal: 16 at once, log, commit", journal},
};

} // namespace

std::span<const DeviceKind> device_kinds()
{
	return kinds;
}

std::span<const Load> loads()
{
	return all_loads;
}

Seen measure(const Load &load, const DeviceKind &kind, Behind behind, uint64_t writes,
	     WriteBack::Options options)
{
	return Lab(kind, behind, options).run(load, writes);
}

} // namespace dmsnap::sim::studies
