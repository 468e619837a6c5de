// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guardian: a separate process that undoes what delays others, whatever happens to the process
 * that started it: when that one reports its end, when it is killed, and when the time is over.
 */
#pragma once

#include <functional>

#include <sys/types.h>

namespace dmsnap::tool {

class Guardian {
public:
	/*
	 * The time begins now.  @resume may be called more than once, in either process, and must
	 * not throw.  The constructor throws a Failure.
	 */
	Guardian(double seconds, std::function<void()> resume);
	~Guardian();
	Guardian(const Guardian &) = delete;
	Guardian &operator=(const Guardian &) = delete;

	/* Everything has been resumed, or is about to be. */
	bool is_over() const;
	/* Resumes everything.  False: it had been resumed before, too early. */
	bool finish();
	/* The process was killed; the time had not run out. */
	bool was_killed() const { return was_killed_; }

private:
	std::function<void()> resume_;
	pid_t process_ = -1;
	bool was_killed_ = false;
	/* The end of the one says that the work is done, that of the other that the time is over. */
	int work_ = -1, over_ = -1;
};

} // namespace dmsnap::tool
