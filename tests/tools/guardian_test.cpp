// SPDX-License-Identifier: GPL-2.0-only
/* Guardian: it resumes what a group has suspended, whichever process is killed, and when. */
#include <cerrno>
#include <csignal>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "group/guardian.hpp"
#include "group/only_one.hpp"
#include "system/child.hpp"
#include "system/failure.hpp"

namespace dmsnap::tool {
namespace {

constexpr double never = 1e9, at_once = 0.01;
constexpr int patience_ms = 20000;

class GuardianTest : public testing::Test {
protected:
	GuardianTest() { EXPECT_EQ(pipe2(resumed_, O_CLOEXEC | O_NONBLOCK), 0); }
	~GuardianTest() override
	{
		close(resumed_[0]);
		close(resumed_[1]);
	}

	/* Counts calls, in any process. */
	std::function<void()> resume()
	{
		return [pipe = resumed_[1]] {
			[[maybe_unused]] ssize_t done = write(pipe, "r", 1);
		};
	}
	bool is_resumed_soon()
	{
		pollfd end = {.fd = resumed_[0], .events = POLLIN, .revents = 0};
		return poll(&end, 1, patience_ms) == 1;
	}
	size_t times_resumed()
	{
		char letters[16];
		ssize_t got = read(resumed_[0], letters, sizeof(letters));
		return got > 0 ? static_cast<size_t>(got) : 0;
	}
	/* The only child of this process. */
	static pid_t guardian()
	{
		std::ifstream file("/proc/thread-self/children");
		std::vector<pid_t> children{std::istream_iterator<pid_t>(file), {}};
		return children.size() == 1 ? children[0] : -1;
	}

	int resumed_[2];
};

TEST_F(GuardianTest, resumes_when_the_work_is_done)
{
	Guardian guardian(never, resume());
	EXPECT_FALSE(guardian.is_over());
	EXPECT_TRUE(guardian.finish());
	EXPECT_EQ(times_resumed(), 1u);
}

TEST_F(GuardianTest, resumes_when_nobody_says_that_it_is)
{
	{
		Guardian guardian(never, resume());
	}
	EXPECT_EQ(times_resumed(), 1u);
}

TEST_F(GuardianTest, resumes_when_the_time_is_over_and_what_was_suspended_later)
{
	Guardian guardian(at_once, resume());
	ASSERT_TRUE(is_resumed_soon());
	EXPECT_TRUE(guardian.is_over());
	EXPECT_EQ(times_resumed(), 1u);
	EXPECT_FALSE(guardian.finish());
	EXPECT_FALSE(guardian.was_killed());
	EXPECT_EQ(times_resumed(), 1u);
}

TEST_F(GuardianTest, resumes_when_the_other_one_is_killed)
{
	pid_t process = fork();
	if (process == 0) {
		Guardian guardian(never, resume());
		raise(SIGKILL);
	}
	ASSERT_TRUE(is_resumed_soon());
	waitpid(process, nullptr, 0);
}

TEST_F(GuardianTest, resumes_when_the_other_one_is_killed_after_the_time_was_over)
{
	pid_t process = fork();
	if (process == 0) {
		Guardian guardian(at_once, resume());
		while (!guardian.is_over())
			usleep(1000);
		/* As if it suspended one more device here. */
		raise(SIGKILL);
	}
	waitpid(process, nullptr, 0);
	size_t times = 0;
	while (times < 2 && is_resumed_soon())
		times += times_resumed();
	EXPECT_EQ(times, 2u);
}

TEST_F(GuardianTest, that_is_killed_has_not_kept_the_moment)
{
	Guardian guardian(never, resume());
	pid_t process = this->guardian();
	ASSERT_GT(process, 0);
	kill(process, SIGKILL);
	EXPECT_FALSE(guardian.finish());
	EXPECT_TRUE(guardian.was_killed());
	EXPECT_TRUE(guardian.is_over());
	EXPECT_EQ(times_resumed(), 1u);
}

TEST_F(GuardianTest, outlives_a_signal_to_the_group_of_processes)
{
	pid_t process = fork();
	if (process == 0) {
		setpgid(0, 0);
		Guardian guardian(never, resume());
		/* It has left the process group once it is its own leader. */
		while (getpgid(this->guardian()) != this->guardian())
			usleep(1000);
		kill(0, SIGKILL);
	}
	waitpid(process, nullptr, 0);
	EXPECT_TRUE(is_resumed_soon());
}

TEST_F(GuardianTest, a_stop_in_between_is_no_end)
{
	Guardian guardian(never, resume());
	pid_t process = this->guardian();
	ASSERT_GT(process, 0);
	kill(process, SIGSTOP);
	ASSERT_EQ(waitpid(process, nullptr, WUNTRACED), process);
	kill(process, SIGCONT);
	ASSERT_EQ(waitpid(process, nullptr, WCONTINUED), process);
	EXPECT_FALSE(guardian.is_over());
	EXPECT_EQ(times_resumed(), 0u);
	EXPECT_TRUE(guardian.finish());
}

/* A program may be started with SIGCHLD ignored; then it cannot wait for a child. */
TEST_F(GuardianTest, that_cannot_be_waited_for_has_not_kept_the_moment)
{
	auto before = std::signal(SIGCHLD, SIG_IGN);
	Guardian guardian(at_once, resume());
	ASSERT_TRUE(is_resumed_soon());
	EXPECT_FALSE(guardian.finish());
	std::signal(SIGCHLD, before);
}

TEST(Child, that_cannot_be_waited_for_has_not_succeeded)
{
	auto before = std::signal(SIGCHLD, SIG_IGN);
	Child child({"/bin/sh", "-c", "exit 3"}, environment_with({}), Child::Pipe::none);
	EXPECT_NE(child.end(), "");
	std::signal(SIGCHLD, before);
}

TEST(OnlyOne, is_one_and_remembers_what_is_suspended)
{
	char path[] = "/tmp/dmsnap-only-one-XXXXXX";
	int file = mkstemp(path);
	{
		OnlyOne one(path);
		EXPECT_TRUE(one.suspended().empty());
		EXPECT_THROW(OnlyOne{path}, Failure);
		one.write_suspended(
			{{{253, 5}, "LVM-long"}, {{253, 4}, "LVM-a"}, {{253, 11}, "LVM-b"}});
		/* Nothing of the longer list may be left. */
		one.write_suspended({{{253, 4}, "LVM-a"}, {{253, 11}, "LVM-b"}});
	}
	{
		OnlyOne next(path);
		EXPECT_EQ(next.suspended(),
			  (std::vector<HeldDevice>{{{253, 4}, "LVM-a"}, {{253, 11}, "LVM-b"}}));
		next.clear();
		EXPECT_TRUE(next.suspended().empty());
	}
	/* Garbage in the file. */
	ASSERT_EQ(write(file, "253:4\n253:4 u\nx \0 5:\n", 21), 21);
	EXPECT_EQ(OnlyOne(path).suspended().size(), 1u);
	close(file);
	unlink(path);
}

} // namespace
} // namespace dmsnap::tool
