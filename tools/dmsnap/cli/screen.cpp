// SPDX-License-Identifier: GPL-2.0-only
#include "cli/screen.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

/* Or "timeout", "erase" and others would be macros. */
#define NCURSES_NOMACROS
#include <ncurses.h>
#include <term.h>
#include <unistd.h>

#include "cli/text_width.hpp"

namespace dmsnap::tool {

namespace {

constexpr short bad_pair = 1, warning_pair = 2;

chtype attributes_of(Screen::Look look)
{
	/* https://no-color.org */
	const char *refused = std::getenv("NO_COLOR");
	const bool colours = has_colors() && !(refused && *refused);

	switch (look) {
	case Screen::Look::title:
		return A_REVERSE;
	case Screen::Look::chosen:
		return A_UNDERLINE;
	case Screen::Look::warning:
		return colours ? COLOR_PAIR(warning_pair) : A_NORMAL;
	case Screen::Look::bad:
		return A_BOLD | (colours ? COLOR_PAIR(bad_pair) : A_NORMAL);
	case Screen::Look::plain:
		break;
	}
	return A_NORMAL;
}

} // namespace

struct Screen::Terminal {
	SCREEN *screen;
};

std::unique_ptr<Screen> Screen::open()
{
	int error = 0;
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
	    setupterm(nullptr, STDOUT_FILENO, &error) != OK)
		return {};
	/* Terminals without cursor addressing, such as "dumb" */
	char cursor[] = "cup";
	const char *address = tigetstr(cursor);
	if (!address || address == reinterpret_cast<const char *>(-1))
		return {};
	SCREEN *screen = newterm(nullptr, stdout, stdin);
	if (!screen)
		return {};
	return std::unique_ptr<Screen>(new Screen(std::make_unique<Terminal>(screen)));
}

Screen::Screen(std::unique_ptr<Terminal> terminal) : terminal_(std::move(terminal))
{
	set_term(terminal_->screen);
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, true);
	/* How long after Esc a byte may still belong to the same key. */
	set_escdelay(50);
	if (has_colors()) {
		start_color();
		use_default_colors();
		init_pair(bad_pair, COLOR_RED, -1);
		init_pair(warning_pair, COLOR_YELLOW, -1);
	}
}

Screen::~Screen()
{
	endwin();
	delscreen(terminal_->screen);
}

size_t Screen::height() const
{
	return static_cast<size_t>(std::max(getmaxy(stdscr), 0));
}

size_t Screen::width() const
{
	return static_cast<size_t>(std::max(getmaxx(stdscr), 0));
}

void Screen::begin()
{
	werase(stdscr);
}

void Screen::put(size_t row, const std::string &line, Look look)
{
	if (row >= height())
		return;
	wattrset(stdscr, static_cast<int>(attributes_of(look)));
	/* Not the last column, which would scroll in the last row. */
	mvwaddstr(stdscr, static_cast<int>(row), 0,
		  cut_to_width(line, std::max<size_t>(width(), 1) - 1).c_str());
	wattrset(stdscr, A_NORMAL);
}

void Screen::end()
{
	wrefresh(stdscr);
}

Screen::Input Screen::wait(double seconds)
{
	constexpr int escape = 27, del = 127;

	wtimeout(stdscr, static_cast<int>(std::ceil(std::clamp(seconds, 0.0, 3600.0) * 1000)));
	int code = wgetch(stdscr);
	switch (code) {
	case escape:
		return {Key::escape};
	case '\n':
	case '\r':
	case KEY_ENTER:
		return {Key::enter};
	case KEY_BACKSPACE:
	case '\b':
	case del:
		return {Key::backspace};
	case KEY_UP:
		return {Key::up};
	case KEY_DOWN:
		return {Key::down};
	case KEY_RESIZE:
		return {Key::resized};
	default:
		if (code >= ' ' && code < del)
			return {Key::letter, static_cast<char>(code)};
		return {Key::none};
	}
}

} // namespace dmsnap::tool
