// SPDX-License-Identifier: GPL-2.0-only
#include "group/guardian.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/child.hpp"
#include "system/failure.hpp"

namespace dmsnap::tool {
namespace {

using Clock = std::chrono::steady_clock;

enum : int { in_time, too_late };

constexpr double seconds_max = 1 << 20;

/* Returns true if the other side closed the pipe before the deadline. */
bool wait_for_end(int pipe, Clock::time_point until)
{
	for (;;) {
		pollfd end = {.fd = pipe, .events = POLLIN, .revents = 0};
		auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
		int ready = poll(&end, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
		if (ready >= 0)
			return ready > 0;
	}
}

/* It must not need anything from a suspended device. */
[[noreturn]] void guard(double seconds, const std::function<void()> &resume, int work, int over)
{
	using std::chrono::duration;
	auto until = Clock::now() + std::chrono::duration_cast<Clock::duration>(
					    duration<double>(std::min(seconds, seconds_max)));

	/* A signal from the terminal or to the process group must not kill both. */
	setsid();
	for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT})
		std::signal(signal, SIG_IGN);
	mlockall(MCL_CURRENT | MCL_FUTURE);
	bool is_in_time = wait_for_end(work, until);
	close(over);
	resume();
	if (is_in_time)
		_exit(in_time);
	/* The other process may have suspended another device in the meantime. */
	while (!wait_for_end(work, Clock::now() + std::chrono::hours(1)))
		;
	resume();
	_exit(too_late);
}

} // namespace

Guardian::Guardian(double seconds, std::function<void()> resume) : resume_(std::move(resume))
{
	int work[2], over[2];

	if (pipe2(work, O_CLOEXEC) != 0)
		throw Failure(fmt::format("no pipe: {}", std::strerror(errno)));
	if (pipe2(over, O_CLOEXEC) != 0) {
		close(work[0]);
		close(work[1]);
		throw Failure(fmt::format("no pipe: {}", std::strerror(errno)));
	}
	process_ = fork();
	int error = errno;
	if (process_ == 0) {
		close(work[1]);
		close(over[0]);
		guard(seconds, resume_, work[0], over[1]);
	}
	close(work[0]);
	close(over[1]);
	if (process_ < 0) {
		close(work[1]);
		close(over[0]);
		throw Failure(fmt::format("no process: {}", std::strerror(error)));
	}
	work_ = work[1];
	over_ = over[0];
}

Guardian::~Guardian()
{
	finish();
	close(over_);
}

bool Guardian::is_over() const
{
	pollfd end = {.fd = over_, .events = POLLIN, .revents = 0};
	return poll(&end, 1, 0) != 0;
}

bool Guardian::finish()
{
	if (process_ < 0)
		return false;
	close(work_);
	const std::optional<int> status = status_of_ended(process_);
	process_ = -1;
	/* If the status is not known, assume that it was killed. */
	was_killed_ = !status || !WIFEXITED(*status);
	if (was_killed_)
		resume_();
	return !was_killed_ && WEXITSTATUS(*status) == in_time;
}

} // namespace dmsnap::tool
