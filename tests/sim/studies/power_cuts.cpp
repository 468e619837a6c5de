// SPDX-License-Identifier: GPL-2.0-only
#include "sim/studies/power_cuts.hpp"

#include "support/history.hpp"
#include "user/failure.hpp"

namespace dmsnap::sim::studies {
namespace {

using test::History;
using test::Stamp;
using test::stamp_of;
using test::stamped;
using user::CrashPolicy;
using user::Device;
using user::Random;
using user::text;
using user::World;

constexpr uint64_t page_sectors = WriteBack::page_sectors;
constexpr uint64_t disk_pages = 32;
constexpr uint64_t disk_sectors = disk_pages * page_sectors;
constexpr uint64_t cow_sectors = 1024;
constexpr Stamp frozen = 1;

class Cut {
public:
	Cut(uint64_t seed, WriteBack::Defect defect) : world_(order(seed)), random_(seed)
	{
		disk_.poke(0, stamped(frozen, 0, disk_sectors));
		/* Small limits, so that both the memory and the hold time run out. */
		WriteBack volume(
			world_, disk_, cow_,
			{.pages_max = 8, .hold_ms = 1, .ahead_pages = 4, .defect = defect});
		world_.run_for(10'000'000);
		uint64_t cut_at = world_.ios() + 1 + random_.below(120);
		for (int n = 0; n < 3; n++)
			world_.spawn("user", [&] { use(volume); });
		world_.run_until([&] { return users_ == 0 || world_.ios() >= cut_at; });
		std::vector<user::Image> left = world_.crash_images(
			{.keep = CrashPolicy::Keep::some, .seed = random_.next()});
		over_ = true;
		world_.crash({});
		world_.run_until([this] { return users_ == 0; });
		for (size_t i = 0; i < left.size(); i++)
			left_.push_back(std::move(left[i]));
	}

	std::string check()
	{
		disk_.load(left_[0]);
		cow_.load(left_[1]);
		world_.power_on();
		user::Core core;
		user::Mapped origin{"origin"}, snapshot{"snapshot"};
		if (origin.create(user::TargetType::origin, disk_sectors, "disk") ||
		    snapshot.create(user::TargetType::snapshot, disk_sectors, "disk cow P 8"))
			note("the driver does not load what is left");
		else if (snapshot.status() == "Invalid")
			note("the snapshot is invalid");
		else
			look_for("the snapshot", snapshot,
				 [](uint64_t, Stamp stamp) { return stamp == frozen; });
		look_for("the origin", origin, [this](uint64_t sector, Stamp stamp) {
			return history_.may_be_left(sector, stamp);
		});
		return wrong_;
	}

private:
	static user::WorldOptions order(uint64_t seed)
	{
		return {.order = user::Order::random, .seed = seed};
	}
	Device &add(const char *name, uint64_t sectors)
	{
		return world_.add_device({.name = name, .sectors = sectors, .jitter_ns = 40'000});
	}

	void use(Volume &volume)
	{
		for (int n = 0; n < 20 && !over_; n++) {
			uint64_t choice = random_.below(10);
			if (choice < 6)
				write(volume);
			else if (choice < 8)
				read(volume);
			else
				flush(volume);
		}
		users_--;
	}
	void choose_range(uint64_t &sector, uint64_t &sectors)
	{
		uint64_t pages = 1 + random_.below(3);
		sector = random_.below(disk_pages - pages + 1) * page_sectors;
		sectors = pages * page_sectors;
	}
	void write(Volume &volume)
	{
		uint64_t sector, sectors;
		choose_range(sector, sectors);
		bool fua = random_.one_in(8);
		Stamp stamp = ++stamps_;
		history_.begin(stamp, sector, sectors, ++now_);
		int error = volume.write(sector, stamped(stamp, sector, sectors), fua);
		if (!over_)
			history_.end(stamp, sector, sectors, ++now_, !error, fua && !error);
		if (error && !over_)
			note("a write fails");
	}
	void flush(Volume &volume)
	{
		History::Tick begin = ++now_;
		int error = volume.flush();
		if (over_)
			return;
		if (error)
			note("a flush fails");
		else
			history_.flushed(begin);
	}
	void read(Volume &volume)
	{
		uint64_t sector, sectors;
		choose_range(sector, sectors);
		History::Tick begin = ++now_;
		std::vector<uint8_t> data(sectors * 512);
		int error = volume.read(sector, data);
		if (over_)
			return;
		if (error)
			note("a read fails");
		for (uint64_t n = 0; n < sectors; n++) {
			Stamp stamp = stamp_of(sector + n, &data[n * 512]);
			if (!history_.may_read(sector + n, stamp, begin))
				note(text("a read finds %u in sector %llu:%s", stamp,
					  static_cast<unsigned long long>(sector + n),
					  history_.describe(sector + n).c_str()));
		}
	}

	template <typename May>
	void look_for(const char *whose, user::Mapped &mapped, const May &may)
	{
		std::vector<uint8_t> data = mapped.read(0, disk_sectors);
		for (uint64_t sector = 0; sector < disk_sectors; sector++) {
			Stamp stamp = stamp_of(sector, &data[sector * 512]);
			if (!may(sector, stamp))
				note(text("the cut left %u in sector %llu of %s:%s", stamp,
					  static_cast<unsigned long long>(sector), whose,
					  history_.describe(sector).c_str()));
		}
	}
	/* Keeps the first finding. */
	void note(const std::string &what)
	{
		if (wrong_.empty())
			wrong_ = what;
	}

	World world_;
	Random random_;
	Device &disk_ = add("disk", disk_sectors);
	Device &cow_ = add("cow", cow_sectors);
	History history_{std::vector<Stamp>(disk_sectors, frozen)};
	History::Tick now_ = 1;
	Stamp stamps_ = frozen;
	int users_ = 3;
	/* The power has failed; results of requests no longer count. */
	bool over_ = false;
	std::vector<user::Image> left_;
	std::string wrong_;
};

} // namespace

std::string cut_power(uint64_t seed, WriteBack::Defect defect)
{
	return Cut(seed, defect).check();
}

} // namespace dmsnap::sim::studies
