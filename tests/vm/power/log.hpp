// SPDX-License-Identifier: GPL-2.0-only
/* The log of the load, which lies outside of the guest. */
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "stamps.hpp"

[[noreturn]] inline void die(const char *what)
{
	std::perror(what);
	std::exit(1);
}

class Log {
public:
	explicit Log(const char *path) : fd_(open(path, O_WRONLY))
	{
		if (fd_ < 0)
			die(path);
	}

	template <typename... Args> void add(const char *format, Args... args)
	{
		char text[128];
		text_.append(text, std::snprintf(text, sizeof(text), format, args...));
	}

	/* When this returns, the log has left the guest. */
	void write_out()
	{
		for (size_t done = 0; done < text_.size();) {
			ssize_t n = write(fd_, text_.data() + done, text_.size() - done);
			if (n <= 0)
				die("the log");
			done += n;
		}
		text_.clear();
	}

private:
	int fd_;
	std::string text_;
};

/* The stamps of consecutive sectors; equal ones are joined. */
class Runs {
public:
	explicit Runs(Log &log) : log_(log) {}

	void add(uint64_t stamp)
	{
		if (count_ != 0 && stamp != stamp_)
			end();
		stamp_ = stamp;
		count_++;
	}

	void end()
	{
		if (stamp_ == bad_stamp)
			log_.add(" bad");
		else
			log_.add(" %llx", static_cast<unsigned long long>(stamp_));
		if (count_ > 1)
			log_.add("*%x", count_);
		count_ = 0;
	}

private:
	Log &log_;
	uint64_t stamp_ = 0;
	uint32_t count_ = 0;
};
