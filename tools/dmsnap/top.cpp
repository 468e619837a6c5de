// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmsnap top: how COW devices fill and merges get on, live: on the whole terminal,
 * or as lines or JSON, once in each interval.
 */
#include "top.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <thread>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "device_mapper.hpp"
#include "live_json.hpp"
#include "screen.hpp"
#include "top_view.hpp"

namespace dmsnap::tool {
namespace {

constexpr double interval_min = 0.1, interval_max = 3600;

double monotonic_seconds()
{
	return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
		.count();
}

double unix_seconds()
{
	return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch())
		.count();
}

/* Looks at the snapshots that were asked for; one that goes is no error. */
class Watch {
public:
	Watch(const TopOptions &options, SnapshotSource &source)
	    : source_(source), all_(options.names.empty())
	{
		if (all_)
			return;
		for (const LiveSnapshot &snapshot : select_snapshots(source, options.names))
			wanted_.push_back(snapshot.device);
	}

	std::vector<TrendRow> look()
	{
		std::vector<LiveSnapshot> snapshots = source_.snapshots();
		if (!all_)
			std::erase_if(snapshots, [&](const LiveSnapshot &snapshot) {
				return std::ranges::find(wanted_, snapshot.device) == wanted_.end();
			});
		return trends_.add(monotonic_seconds(), snapshots);
	}

private:
	SnapshotSource &source_;
	bool all_;
	std::vector<DeviceNumber> wanted_;
	Trends trends_;
};

void print_once(const TopOptions &options, const std::vector<TrendRow> &rows)
{
	constexpr size_t columns = 80;

	std::time_t now = std::time(nullptr);
	if (options.json) {
		fmt::print("{}\n", top_json(rows, unix_seconds()));
	} else {
		fmt::print("{:%F %T}\n", fmt::localtime(now));
		for (const std::string &line : top_lines(rows, columns, now))
			fmt::print("{}\n", line);
		fmt::print("\n");
	}
	/* Whoever reads it waits for it; who has gone away needs no more. */
	if (std::fflush(stdout) != 0)
		throw Failure("writing the output failed");
}

/* A rate needs two looks, and there has been one: each view comes at the end of an interval. */
void run_lines(const TopOptions &options, Watch &watch)
{
	uint64_t views = options.count.value_or(options.json ? 0 : 1);
	for (uint64_t seen = 0; views == 0 || seen < views; seen++) {
		std::this_thread::sleep_for(
			std::chrono::duration<double>(options.interval_seconds));
		print_once(options, watch.look());
	}
}

class LiveView {
public:
	LiveView(const TopOptions &options, Watch &watch, Screen &screen)
	    : watch_(watch), screen_(screen), interval_(options.interval_seconds),
	      views_(options.count.value_or(0))
	{
	}

	void run()
	{
		uint64_t seen = 0;
		for (;;) {
			rows_ = watch_.look();
			seen++;
			show();
			double next = monotonic_seconds() + interval_;
			while (monotonic_seconds() < next) {
				if (!take_key(screen_.wait(next - monotonic_seconds()), next))
					return;
			}
			if (seen == views_)
				return;
		}
	}

private:
	/* False: that is the end. */
	bool take_key(Screen::Key key, double &next)
	{
		switch (key) {
		case Screen::Key::quit:
			return false;
		case Screen::Key::none:
			return true;
		case Screen::Key::order:
			order_ = order_ == TopOrder::name ? TopOrder::full : TopOrder::name;
			break;
		case Screen::Key::faster:
			change_interval(interval_ / 2, next);
			break;
		case Screen::Key::slower:
			change_interval(interval_ * 2, next);
			break;
		case Screen::Key::up:
			first_ -= first_ > 0;
			break;
		case Screen::Key::down:
			first_++;
			break;
		case Screen::Key::resized:
			break;
		}
		show();
		return true;
	}

	void change_interval(double seconds, double &next)
	{
		double changed = std::clamp(seconds, interval_min, interval_max);
		next += changed - interval_;
		interval_ = changed;
	}

	void show()
	{
		/* Above and below the rows: what all is about, titles, keys. */
		constexpr size_t others = 3;

		std::time_t now = std::time(nullptr);
		sort_rows(rows_, order_);
		size_t room = screen_.height() > others ? screen_.height() - others : 0;
		first_ = std::min(first_, rows_.size() > room ? rows_.size() - room : 0);
		size_t shown = std::min(rows_.size() - first_, room);
		/* The screen leaves its last column free. */
		std::vector<std::string> lines =
			top_lines(rows_, std::max<size_t>(screen_.width(), 1) - 1, now);

		screen_.begin();
		screen_.put(0, fmt::format("dmsnap top   {:%H:%M:%S}   {}   every {:g} s",
					   fmt::localtime(now), count_text(shown), interval_));
		std::string title = lines.front();
		title.resize(std::max(title.size(), screen_.width()), ' ');
		screen_.put(1, title, Screen::Look::title);
		for (size_t i = 0; i < shown; i++)
			screen_.put(2 + i, lines[1 + first_ + i],
				    rows_[first_ + i].snapshot.is_bad() ? Screen::Look::bad
									: Screen::Look::plain);
		if (screen_.height() > others)
			screen_.put(screen_.height() - 1,
				    fmt::format("q quit   s order: by {}   + - interval   up, down",
						order_ == TopOrder::name ? "name" : "fill"));
		screen_.end();
	}

	std::string count_text(size_t shown) const
	{
		if (rows_.empty())
			return "no snapshots";
		if (shown == rows_.size())
			return fmt::format("{} snapshot{}", shown, shown == 1 ? "" : "s");
		return fmt::format("{} to {} of {} snapshots", first_ + 1, first_ + shown,
				   rows_.size());
	}

	Watch &watch_;
	Screen &screen_;
	double interval_;
	/* 0: without end. */
	uint64_t views_;
	std::vector<TrendRow> rows_;
	TopOrder order_ = TopOrder::name;
	size_t first_ = 0;
};

} // namespace

ExitCode top(const TopOptions &options, SnapshotSource &source)
{
	if (!(options.interval_seconds >= interval_min && options.interval_seconds <= interval_max))
		throw Failure("--interval is from 0.1 s to 1 h");
	/* Before the screen is taken, so that a failure is seen. */
	Watch watch(options, source);
	watch.look();
	if (!options.json && !options.lines) {
		if (std::unique_ptr<Screen> screen = Screen::open()) {
			LiveView(options, watch, *screen).run();
			return ExitCode::fine;
		}
	}
	run_lines(options, watch);
	return ExitCode::fine;
}

ExitCode top(const TopOptions &options)
{
	DeviceMapper machine;
	return top(options, machine);
}

} // namespace dmsnap::tool
