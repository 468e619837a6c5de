// SPDX-License-Identifier: GPL-2.0-only
#include "screen.hpp"

#include <algorithm>
#include <clocale>
#include <cmath>
#include <cstdio>

/* Or "timeout", "erase" and others are macros */
#define NCURSES_NOMACROS
#include <ncurses.h>
#include <term.h>
#include <unistd.h>

namespace dmsnap::tool {

struct Screen::Terminal {
	SCREEN *screen;
};

std::unique_ptr<Screen> Screen::open()
{
	int error = 0;
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
	    setupterm(nullptr, STDOUT_FILENO, &error) != OK)
		return {};
	/* Terminals without an address for the cursor, such as "dumb" */
	char cursor[] = "cup";
	const char *address = tigetstr(cursor);
	if (!address || address == reinterpret_cast<const char *>(-1))
		return {};
	/* Names need not be ASCII */
	std::setlocale(LC_CTYPE, "");
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
	/* How long after Esc another key may come that belongs to it */
	set_escdelay(50);
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
	chtype attribute = A_NORMAL;
	if (look == Look::title)
		attribute = A_REVERSE;
	if (look == Look::bad)
		attribute = A_BOLD;
	wattrset(stdscr, static_cast<int>(attribute));
	/* Not the last column: in the last row that would scroll */
	mvwaddnstr(stdscr, static_cast<int>(row), 0, line.c_str(),
		   static_cast<int>(std::max<size_t>(width(), 1) - 1));
	wattrset(stdscr, A_NORMAL);
}

void Screen::end()
{
	wrefresh(stdscr);
}

Screen::Key Screen::wait(double seconds)
{
	constexpr int escape = 27;

	wtimeout(stdscr, static_cast<int>(std::ceil(std::clamp(seconds, 0.0, 3600.0) * 1000)));
	switch (wgetch(stdscr)) {
	case 'q':
	case 'Q':
	case escape:
		return Key::quit;
	case 's':
		return Key::order;
	case '+':
		return Key::faster;
	case '-':
		return Key::slower;
	case 'k':
	case KEY_UP:
		return Key::up;
	case 'j':
	case KEY_DOWN:
		return Key::down;
	case KEY_RESIZE:
		return Key::resized;
	default:
		return Key::none;
	}
}

} // namespace dmsnap::tool
