// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guardian: a separate process that resumes what its parent has suspended, whatever happens to the
 * parent: when the parent is done, when it is killed, and when the time is over.
 */
#pragma once

#include <functional>

#include <sys/types.h>

namespace dmsnap::tool {

class Guardian {
public:
	/*
	 * The time starts now.  @resume may be called more than once, in both processes, and must
	 * not throw.  The constructor throws a Failure.
	 */
	Guardian(double seconds, std::function<void()> resume);
	~Guardian();
	Guardian(const Guardian &) = delete;
	Guardian &operator=(const Guardian &) = delete;

	/* Everything was resumed, or will be at once. */
	bool is_over() const;
	/* Resumes everything.  Returns false if it was resumed before, which was too early. */
	bool finish();
	/* The process was killed before the time was over. */
	bool was_killed() const { return was_killed_; }

private:
	std::function<void()> resume_;
	pid_t process_ = -1;
	bool was_killed_ = false;
	/* Pipes: the end of work_ says that the work is done, that of over_ that time is up. */
	int work_ = -1, over_ = -1;
};

} // namespace dmsnap::tool
