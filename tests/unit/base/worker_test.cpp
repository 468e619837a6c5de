// SPDX-License-Identifier: GPL-2.0-only
#include "base/worker.hpp"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "support/seed.hpp"
#include "unit/base/worker_rig.hpp"
#include "user/memory.hpp"
#include "user/world.hpp"

namespace dmsnap::test {
namespace {

using user::World;

TEST(Worker, tasks_run_in_the_order_in_which_they_were_posted)
{
	WorkerRig rig;
	std::vector<std::unique_ptr<Job>> jobs;
	for (char name : std::string("abcdef"))
		jobs.push_back(std::make_unique<Job>([&rig, name] { rig.trace += name; }));
	for (auto &job : jobs)
		rig.worker->post(*job);
	EXPECT_EQ(rig.trace, "");
	rig.world.run_until_idle();
	EXPECT_EQ(rig.trace, "abcdef");
}

TEST(Worker, a_task_that_is_posted_already_runs_once)
{
	WorkerRig rig;
	Job job([&] { rig.trace += 'a'; });
	rig.worker->post(job);
	rig.worker->post(job);
	rig.worker->post_late(job);
	rig.world.run_until_idle();
	EXPECT_EQ(rig.trace, "a");
}

TEST(Worker, late_tasks_run_after_everything_posted_before_the_batch)
{
	WorkerRig rig;
	Job late([&] { rig.trace += 'L'; });
	Job later([&] { rig.trace += 'M'; });
	Job one([&] { rig.trace += '1'; });
	Job two([&] { rig.trace += '2'; });
	rig.worker->post_late(late);
	rig.worker->post(one);
	rig.worker->post_late(later);
	rig.worker->post(two);
	rig.world.run_until_idle();
	EXPECT_EQ(rig.trace, "12LM");
}

TEST(Worker, a_late_task_that_the_batch_posts_runs_at_its_end)
{
	WorkerRig rig;
	Job late([&] { rig.trace += 'L'; });
	Job one([&] {
		rig.trace += '1';
		rig.worker->post_late(late);
	});
	Job two([&] {
		rig.trace += '2';
		rig.worker->post_late(late);
	});
	Job three([&] { rig.trace += '3'; });
	rig.worker->post(one);
	rig.worker->post(two);
	rig.worker->post(three);
	rig.world.run_until_idle();
	EXPECT_EQ(rig.trace, "123L");
}

TEST(Worker, tasks_posted_by_the_batch_do_not_starve_late_tasks)
{
	WorkerRig rig;
	int rounds = 0;
	int late_at = -1;
	Job late([&] { late_at = rounds; });
	Job *self = nullptr;
	Job again([&] {
		if (++rounds < 50)
			rig.worker->post(*self);
	});
	self = &again;
	rig.worker->post(again);
	rig.worker->post_late(late);
	rig.world.run_until_idle();
	EXPECT_EQ(rounds, 50);
	EXPECT_EQ(late_at, 1);
}

/* If a device completes I/O at once, tasks keep posting tasks for a whole merge. */
TEST(Worker, others_get_their_turn_while_tasks_keep_posting_tasks)
{
	WorkerRig rig;
	auto other = std::move(*Worker::create("other"));
	int rounds = 0;
	int other_at = -1;
	Job late([] {});
	Job *self = nullptr;
	Job again([&] {
		if (++rounds < 50)
			rig.worker->post(*self);
		rig.worker->post_late(late);
	});
	Job bystander([&] { other_at = rounds; });
	self = &again;
	rig.worker->post(again);
	other->post(bystander);
	rig.world.run_until_idle();
	EXPECT_EQ(rounds, 50);
	EXPECT_LE(other_at, static_cast<int>(Worker::batches_max));
}

/* Including tasks posted in the last batch of a work item, before others have run. */
TEST(Worker, tasks_that_post_themselves_all_continue)
{
	WorkerRig rig;
	constexpr int rounds = 5 * Worker::batches_max;
	int done[2] = {};
	Job *self[2] = {};
	Job first([&] {
		if (++done[0] < rounds)
			rig.worker->post(*self[0]);
	});
	Job second([&] {
		if (++done[1] < rounds && done[1] % Worker::batches_max)
			rig.worker->post(*self[1]);
	});
	self[0] = &first;
	self[1] = &second;
	rig.worker->post(first);
	rig.worker->post(second);
	rig.world.run_until_idle();
	EXPECT_EQ(done[0], rounds);
	EXPECT_EQ(done[1], static_cast<int>(Worker::batches_max));
}

TEST(Worker, a_task_posted_by_a_late_one_runs)
{
	WorkerRig rig;
	Job task([&] { rig.trace += 't'; });
	Job late([&] {
		rig.trace += 'L';
		rig.worker->post(task);
	});
	rig.worker->post_late(late);
	rig.world.run_until_idle();
	EXPECT_EQ(rig.trace, "Lt");
}

TEST(Worker, a_task_may_free_itself)
{
	struct Mortal : Task {
		explicit Mortal(int &count)
		    : Task([](Task &task) {
			      auto *self = static_cast<Mortal *>(&task);
			      self->runs++;
			      delete self;
		      }),
		      runs(count)
		{
		}
		int &runs;
	};
	WorkerRig rig;
	int runs = 0;
	for (int i = 0; i < 10; i++)
		rig.worker->post(*new Mortal(runs));
	rig.world.run_until_idle();
	EXPECT_EQ(runs, 10);
}

TEST(Worker, a_task_may_sleep_and_the_others_wait)
{
	WorkerRig rig;
	Event go;
	Job sleeper([&] {
		rig.trace += 's';
		go.wait();
		rig.trace += 'S';
	});
	Job other([&] { rig.trace += 'o'; });
	rig.worker->post(sleeper);
	rig.worker->post(other);
	rig.world.run_until_idle();
	EXPECT_EQ(rig.trace, "s");
	go.set();
	rig.world.run_until_idle();
	EXPECT_EQ(rig.trace, "sSo");
}

TEST(Worker, a_stopped_task_never_runs)
{
	WorkerRig rig;
	Job one([&] { rig.trace += '1'; });
	Job late([&] { rig.trace += 'L'; });
	Job two([&] { rig.trace += '2'; });
	rig.worker->post_late(late);
	rig.worker->stop(late);
	rig.worker->post(one);
	rig.worker->post(two);
	rig.worker->stop(one);
	rig.world.run_until_idle();
	EXPECT_EQ(rig.trace, "2");
	/* It can be posted again. */
	rig.worker->post(one);
	rig.world.run_until_idle();
	EXPECT_EQ(rig.trace, "21");
}

TEST(Worker, stop_waits_for_a_task_that_runs)
{
	WorkerRig rig;
	Event go;
	Job sleeper([&] {
		go.wait();
		rig.trace += 'S';
	});
	rig.worker->post(sleeper);
	rig.world.run_until_idle();
	rig.world.spawn("stop", [&] {
		rig.worker->stop(sleeper);
		rig.trace += "stopped";
	});
	rig.world.run_until_idle();
	EXPECT_EQ(rig.trace, "");
	go.set();
	rig.world.run_until_idle();
	EXPECT_EQ(rig.trace, "Sstopped");
}

TEST(Worker, stop_takes_a_task_out_of_the_batch_that_runs)
{
	WorkerRig rig;
	Event go;
	Job sleeper([&] { go.wait(); });
	Job behind([&] { rig.trace += 'b'; });
	rig.worker->post(sleeper);
	rig.worker->post(behind);
	rig.world.run_until_idle();
	bool stopped = false;
	rig.world.spawn("stop", [&] {
		rig.worker->stop(behind);
		stopped = true;
	});
	rig.world.run_until_idle();
	go.set();
	rig.world.run_until_idle();
	EXPECT_TRUE(stopped);
	EXPECT_EQ(rig.trace, "");
}

TEST(Worker, no_task_is_lost_nor_two_run_at_once_whoever_posts_when)
{
	for_seeds(60, [](uint64_t seed) {
		WorkerRig rig({.order = user::Order::random, .seed = seed});
		constexpr int tasks = 8;
		int posted[tasks] = {};
		int seen[tasks] = {};
		bool busy = false;
		std::vector<std::unique_ptr<Job>> jobs;
		for (int i = 0; i < tasks; i++)
			jobs.push_back(std::make_unique<Job>([&, i] {
				EXPECT_FALSE(busy);
				busy = true;
				int now = posted[i];
				World::preempt();
				seen[i] = now;
				busy = false;
			}));
		for (int poster = 0; poster < 4; poster++)
			rig.world.spawn("poster", [&] {
				for (int n = 0; n < 30; n++) {
					uint64_t i = rig.world.random().below(tasks);
					posted[i]++;
					if (rig.world.random().one_in(2))
						rig.worker->post(*jobs[i]);
					else
						rig.worker->post_late(*jobs[i]);
					World::preempt();
				}
			});
		rig.world.run_until_idle();
		/* Each task ran after it was last posted. */
		for (int i = 0; i < tasks; i++)
			EXPECT_EQ(seen[i], posted[i]) << "task " << i;
	});
}

TEST(Worker, has_no_queue_left_when_memory_is_short)
{
	World world;
	user::Memory &memory = user::Memory::instance();
	for (uint64_t n = 0; n < 2; n++) {
		memory.fail_construct_at(n);
		auto worker = Worker::create("test");
		memory.fail_nothing();
		ASSERT_FALSE(worker);
		EXPECT_EQ(worker.error(), Error::no_memory);
	}
	EXPECT_TRUE(Worker::create("test"));
}

} // namespace
} // namespace dmsnap::test
