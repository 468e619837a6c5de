// SPDX-License-Identifier: GPL-2.0-only
/* Screen: the whole terminal as lines of text, and its keys; uses curses. */
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace dmsnap::tool {

class Screen {
public:
	/* In colour, if the terminal supports it and NO_COLOR is not set. */
	enum class Look { plain, title, chosen, warning, bad };
	enum class Key { none, letter, escape, enter, backspace, up, down, resized };
	struct Input {
		Key key = Key::none;
		char letter = 0;
	};

	/* None if standard input or output is no terminal, or cannot position the cursor. */
	static std::unique_ptr<Screen> open();
	~Screen();
	Screen(const Screen &) = delete;
	Screen &operator=(const Screen &) = delete;

	size_t height() const;
	size_t width() const;

	/* Lines are printed between these two; long ones are cut. */
	void begin();
	void put(size_t row, const std::string &line, Look look = Look::plain);
	void end();

	/* The next key, if one is pressed within this time. */
	Input wait(double seconds);

private:
	struct Terminal;
	explicit Screen(std::unique_ptr<Terminal> terminal);

	std::unique_ptr<Terminal> terminal_;
};

} // namespace dmsnap::tool
