// SPDX-License-Identifier: GPL-2.0-only
#include "sim/sweep.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <poll.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/machine.hpp"
#include "user/failure.hpp"

namespace dmsnap::sim {
namespace {

using Clock = std::chrono::steady_clock;
using user::text;

/* No run takes a second; one that takes this long hangs. */
constexpr unsigned int hang_seconds = 60;

double seconds_since(Clock::time_point begin)
{
	return std::chrono::duration<double>(Clock::now() - begin).count();
}

void end_with(const std::string &message)
{
	std::fprintf(stderr, "FAIL: %s\n%s", message.c_str(), user::log_of_world().c_str());
	std::fflush(nullptr);
	_exit(1);
}

/* A child whose output comes through a pipe. */
class Child {
public:
	explicit Child(const std::function<void()> &body)
	{
		int ends[2];
		if (::pipe(ends))
			user::die("no pipe");
		std::fflush(nullptr);
		pid_ = fork();
		if (pid_ < 0)
			user::die("no process");
		if (pid_ == 0) {
			dup2(ends[1], STDOUT_FILENO);
			dup2(ends[1], STDERR_FILENO);
			close(ends[0]);
			close(ends[1]);
			body();
			std::fflush(nullptr);
			_exit(0);
		}
		close(ends[1]);
		pipe_ = ends[0];
	}
	~Child()
	{
		if (pid_ > 0) {
			kill(pid_, SIGKILL);
			waitpid(pid_, nullptr, 0);
		}
		close(pipe_);
	}
	Child(const Child &) = delete;
	Child &operator=(const Child &) = delete;

	int descriptor() const { return pipe_; }
	/* Reads what is available; false at the end. */
	bool take()
	{
		char buffer[4096];
		ssize_t got = read(pipe_, buffer, sizeof(buffer));
		if (got > 0)
			output_.append(buffer, static_cast<size_t>(got));
		return got > 0 || (got < 0 && errno == EINTR);
	}
	/* Did the child fail?  It must have ended. */
	bool failed()
	{
		int status = 0;
		waitpid(pid_, &status, 0);
		pid_ = -1;
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
			output_ += text("FAIL: still running after %u s\n", hang_seconds);
		else if (WIFSIGNALED(status))
			output_ += text("FAIL: killed by signal %d\n", WTERMSIG(status));
		return status != 0;
	}
	const std::string &output() const { return output_; }

private:
	pid_t pid_ = -1;
	int pipe_ = -1;
	std::string output_;
};

/* Shared by the workers and their parent. */
struct Shared {
	std::atomic<uint64_t> next_seed;
	std::atomic<uint64_t> runs;
	std::atomic<uint64_t> cycles;
	/* The current seed of each worker. */
	std::atomic<uint64_t> seed_of[256];
};

/* What identifies a kind of failure: the first line, without numbers. */
std::string kind_of(const Verdict &verdict)
{
	size_t begin = verdict.output.find("FAIL: ");
	if (!verdict.failed || begin == std::string::npos)
		return {};
	std::string kind = verdict.output.substr(begin, verdict.output.find('\n', begin) - begin);
	std::erase_if(kind, [](char c) { return c >= '0' && c <= '9'; });
	return kind.substr(0, 60);
}

} // namespace

uint64_t run_here(const Plan &plan, bool trace)
{
	user::set_failure_hook(end_with);
	MachineOptions options;
	if (trace) {
		/* The trace before a failure must not be lost. */
		setvbuf(stdout, nullptr, _IOLBF, 0);
		options.trace = [](const std::string &line) { std::puts(line.c_str()); };
	}
	Machine machine(plan, std::move(options));
	machine.run();
	return machine.cycles();
}

Verdict run_apart(const Plan &plan)
{
	return run_apart([&plan] { run_here(plan, false); });
}

Verdict run_apart(const std::function<void()> &body)
{
	Verdict verdict;
	Child child([&body] {
		alarm(hang_seconds);
		user::set_failure_hook(end_with);
		body();
	});
	while (child.take())
		;
	verdict.failed = child.failed();
	verdict.output = child.output();
	return verdict;
}

SweepResult sweep(const SweepLimits &limits,
		  const std::function<void(const SweepResult &)> &progress)
{
	auto begin = Clock::now();
	void *memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		user::die("no shared memory");
	auto *shared = new (memory) Shared{};
	shared->next_seed = limits.first_seed;

	auto over = [&] {
		return (limits.cycles && shared->cycles >= limits.cycles) ||
		       (limits.seconds &&
			seconds_since(begin) >= static_cast<double>(limits.seconds));
	};
	auto work = [&](unsigned int self) {
		while (!over()) {
			uint64_t seed = shared->next_seed++;
			if (limits.runs && seed - limits.first_seed >= limits.runs)
				break;
			shared->seed_of[self] = seed;
			alarm(hang_seconds);
			shared->cycles += run_here(plan_of(seed, limits.trouble), false);
			shared->runs++;
		}
	};
	std::vector<std::unique_ptr<Child>> children;
	std::vector<pollfd> polls;
	for (unsigned int i = 0; i < limits.jobs && i < std::size(shared->seed_of); i++) {
		children.push_back(std::make_unique<Child>([&work, i] { work(i); }));
		polls.push_back({children.back()->descriptor(), POLLIN, 0});
	}

	SweepResult result;
	auto count = [&] {
		result.runs = shared->runs;
		result.cycles = shared->cycles;
		result.seconds = seconds_since(begin);
		result.last_seed = shared->next_seed - 1;
		if (limits.runs)
			result.last_seed =
				std::min(result.last_seed, limits.first_seed + limits.runs - 1);
	};
	for (size_t left = children.size(); left && !result.failed;) {
		::poll(polls.data(), polls.size(), 500);
		for (size_t i = 0; i < polls.size(); i++) {
			if (!polls[i].revents || children[i]->take())
				continue;
			left--;
			polls[i].fd = -1;
			polls[i].revents = 0;
			if (!children[i]->failed())
				continue;
			result.failed = true;
			result.failed_seed = shared->seed_of[i];
			result.output = children[i]->output();
			break;
		}
		count();
		progress(result);
	}
	children.clear();
	count();
	munmap(memory, sizeof(Shared));
	return result;
}

Plan shrink(const Plan &plan, const std::function<void()> &progress)
{
	constexpr double seconds_max = 60;
	auto begin = Clock::now();
	Plan least = plan;
	std::string kind = kind_of(run_apart(plan));
	for (size_t size = (plan.steps.size() + 1) / 2; size;) {
		bool smaller = false;
		for (size_t at = 0; at < least.steps.size();) {
			if (seconds_since(begin) > seconds_max)
				return least;
			progress();
			Plan part = least;
			auto from = part.steps.begin() + static_cast<ptrdiff_t>(at);
			part.steps.erase(from, from + static_cast<ptrdiff_t>(std::min(
							      size, part.steps.size() - at)));
			if (kind_of(run_apart(part)) == kind) {
				least = part;
				smaller = true;
			} else {
				at += size;
			}
		}
		if (!smaller || size > least.steps.size())
			size /= 2;
	}
	return least;
}

} // namespace dmsnap::sim
