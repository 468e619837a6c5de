// SPDX-License-Identifier: GPL-2.0-only
/*
 * dmsnap top: shows how COW devices fill and merges progress, on the whole terminal, or as lines
 * or JSON once in each interval.
 */
#include "live/top.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>
#include <thread>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "cli/screen.hpp"
#include "live/device_mapper.hpp"
#include "live/live_json.hpp"
#include "live/top_view.hpp"

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

/* Reads the requested snapshots.  One that disappears is no error. */
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
	/* A reader waits for this line; if it is gone there is nothing more to do. */
	if (std::fflush(stdout) != 0)
		throw Failure("writing the output failed");
}

/* A rate needs two samples, so each view comes at the end of an interval. */
void run_lines(const TopOptions &options, Watch &watch)
{
	uint64_t views = options.count.value_or(options.json ? 0 : 1);
	for (uint64_t seen = 0; views == 0 || seen < views; seen++) {
		std::this_thread::sleep_for(
			std::chrono::duration<double>(options.interval_seconds));
		print_once(options, watch.look());
	}
}

const char *const help_lines[] = {
	"q, Escape         quit; from the details and this page, back",
	"up, down, k, j    select a snapshot",
	"Enter             its details, with the latencies that its driver measured",
	"/                 only names that contain a text: type it, then Enter",
	"s                 sort by name, or by fill: bad ones come first",
	"+, -              sample twice as often, half as often",
	"?                 this page",
	"",
	"FULL and USED are of the COW device; for a merge, what is done and what is left.",
	"LAST LOOKS is the curve of that, between its minimum and maximum.",
};

class LiveView {
public:
	LiveView(const TopOptions &options, SnapshotSource &source, Watch &watch, Screen &screen)
	    : source_(source), watch_(watch), screen_(screen), interval_(options.interval_seconds),
	      views_(options.count.value_or(0))
	{
	}

	void run()
	{
		uint64_t seen = 0;
		for (;;) {
			all_ = watch_.look();
			seen++;
			show();
			double next = monotonic_seconds() + interval_;
			while (monotonic_seconds() < next) {
				Screen::Input input = screen_.wait(next - monotonic_seconds());
				if (input.key == Screen::Key::none)
					continue;
				if (!(typing_ ? take_typed(input) : take_key(input, next)))
					return;
				show();
			}
			if (seen == views_)
				return;
		}
	}

private:
	enum class Page { list, detail, help };
	/* Lines around the rows: summary, titles, keys. */
	static constexpr size_t others = 3;

	/* Returns false if top must end. */
	bool take_key(Screen::Input input, double &next)
	{
		using Key = Screen::Key;

		if (input.key == Key::escape || input.letter == 'q' || input.letter == 'Q') {
			bool over = page_ == Page::list;
			page_ = Page::list;
			return !over;
		}
		if (input.key == Key::up || input.letter == 'k')
			place() -= place() > 0;
		else if (input.key == Key::down || input.letter == 'j')
			place()++;
		else if (input.key == Key::enter)
			turn_to(page_ == Page::list ? Page::detail : Page::list);
		else if (input.letter == '?')
			turn_to(page_ == Page::help ? Page::list : Page::help);
		else if (input.letter == 's')
			order_ = order_ == TopOrder::name ? TopOrder::full : TopOrder::name;
		else if (input.letter == '+')
			change_interval(interval_ / 2, next);
		else if (input.letter == '-')
			change_interval(interval_ * 2, next);
		else if (input.letter == '/')
			begin_typing();
		return true;
	}

	/* In the list the selected row; on other pages the first line shown. */
	size_t &place() { return page_ == Page::list ? chosen_ : page_first_; }

	void turn_to(Page page)
	{
		page_ = page;
		page_first_ = 0;
	}

	void begin_typing()
	{
		page_ = Page::list;
		wanted_.clear();
		typing_ = true;
	}

	bool take_typed(Screen::Input input)
	{
		using Key = Screen::Key;

		if (input.key == Key::letter)
			wanted_ += input.letter;
		else if (input.key == Key::backspace && !wanted_.empty())
			wanted_.pop_back();
		else if (input.key == Key::escape)
			wanted_.clear();
		typing_ = input.key != Key::enter && input.key != Key::escape;
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
		rows_.clear();
		for (const TrendRow &row : all_) {
			if (row.snapshot.shown_name().find(wanted_) != std::string::npos)
				rows_.push_back(row);
		}
		sort_rows(rows_, order_);
		chosen_ = std::min(chosen_, rows_.empty() ? 0 : rows_.size() - 1);
		screen_.begin();
		if (page_ == Page::help)
			show_page({std::begin(help_lines), std::end(help_lines)});
		else if (page_ == Page::detail && !rows_.empty())
			show_page(detail_lines(rows_[chosen_],
					       source_.stats(rows_[chosen_].snapshot.device)));
		else
			show_list();
		screen_.end();
	}

	void show_page(const std::vector<std::string> &lines)
	{
		show_head("");
		size_t room = screen_.height() > others ? screen_.height() - others : 0;
		page_first_ = std::min(page_first_, lines.size() > room ? lines.size() - room : 0);
		for (size_t i = 0; i < std::min(lines.size() - page_first_, room); i++)
			screen_.put(2 + i, lines[page_first_ + i]);
		show_foot("q back   ? keys   up, down");
	}

	void show_list()
	{
		size_t room = screen_.height() > others ? screen_.height() - others : 0;
		first_ = std::min(first_, chosen_);
		if (room && chosen_ >= first_ + room)
			first_ = chosen_ - room + 1;
		first_ = std::min(first_, rows_.size() > room ? rows_.size() - room : 0);
		size_t shown = std::min(rows_.size() - first_, room);
		/* The screen leaves its last column free. */
		std::vector<std::string> lines = top_lines(
			rows_, std::max<size_t>(screen_.width(), 1) - 1, std::time(nullptr));

		show_head(count_text(shown));
		std::string title = lines.front();
		title.resize(std::max(title.size(), screen_.width()), ' ');
		screen_.put(1, title, Screen::Look::title);
		for (size_t i = 0; i < shown; i++)
			screen_.put(2 + i, lines[1 + first_ + i], look_of(first_ + i));
		if (typing_ || !wanted_.empty())
			show_foot(fmt::format("/{}{}", wanted_,
					      typing_ ? "_   Enter: that is it" : "   / another"));
		else
			show_foot(
				fmt::format("q quit   ? keys   / find   Enter more   s order: by {}"
					    "   + - interval",
					    order_ == TopOrder::name ? "name" : "fill"));
	}

	Screen::Look look_of(size_t row) const
	{
		constexpr double nearly_full = 0.8;
		const LiveSnapshot &snapshot = rows_[row].snapshot;

		if (snapshot.is_bad())
			return Screen::Look::bad;
		if (snapshot.usage && !snapshot.is_merge && snapshot.usage->full() >= nearly_full)
			return Screen::Look::warning;
		return row == chosen_ ? Screen::Look::chosen : Screen::Look::plain;
	}

	void show_head(const std::string &count)
	{
		screen_.put(0, fmt::format("dmsnap top   {:%H:%M:%S}   {}   every {:g} s",
					   fmt::localtime(std::time(nullptr)), count, interval_));
	}

	void show_foot(const std::string &text)
	{
		if (screen_.height() > 2)
			screen_.put(screen_.height() - 1, text);
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

	SnapshotSource &source_;
	Watch &watch_;
	Screen &screen_;
	double interval_;
	/* 0: no limit. */
	uint64_t views_;
	/* Only names that contain this are shown; the user is typing it. */
	std::string wanted_;
	bool typing_ = false;
	Page page_ = Page::list;
	size_t page_first_ = 0;
	std::vector<TrendRow> all_;
	std::vector<TrendRow> rows_;
	TopOrder order_ = TopOrder::name;
	size_t chosen_ = 0;
	size_t first_ = 0;
};

} // namespace

ExitCode top(const TopOptions &options, SnapshotSource &source)
{
	if (!(options.interval_seconds >= interval_min && options.interval_seconds <= interval_max))
		throw Failure("--interval is from 0.1 s to 1 h");
	/* Before the screen starts, so that an error stays visible. */
	Watch watch(options, source);
	watch.look();
	if (!options.json && !options.lines) {
		if (std::unique_ptr<Screen> screen = Screen::open()) {
			LiveView(options, source, watch, *screen).run();
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
