// SPDX-License-Identifier: GPL-2.0-only
/* The work queues of a world. */
#include <string>

#include <gtest/gtest.h>

#include <dmsnap/port/memory.h>
#include <dmsnap/port/work.h>

#include "base/guard.hpp"
#include "user/failure.hpp"
#include "user/world.hpp"

namespace dmsnap::user {
namespace {

/* A work item that runs a lambda. */
class Item {
public:
	explicit Item(std::function<void()> body) : body_(std::move(body))
	{
		dmsnap_port_work_init(
			&work_, [](void *ctx) { static_cast<Item *>(ctx)->body_(); }, this);
	}
	dmsnap_work *get() { return &work_; }

private:
	dmsnap_work work_;
	std::function<void()> body_;
};

struct Queue {
	Queue() : queue(dmsnap_port_work_queue_create("test")) {}
	~Queue() { dmsnap_port_work_queue_destroy(queue); }
	Queue(const Queue &) = delete;
	Queue &operator=(const Queue &) = delete;
	dmsnap_work_queue *queue;
};

TEST(World, an_item_queued_twice_before_it_begins_runs_once)
{
	World world;
	Queue queue;
	int runs = 0;
	Item item([&] { runs++; });
	dmsnap_port_work_run(queue.queue, item.get());
	dmsnap_port_work_run(queue.queue, item.get());
	world.run_until_idle();
	EXPECT_EQ(runs, 1);
}

TEST(World, a_delayed_item_waits_for_one_of_its_queue_that_sleeps)
{
	World world({.order = Order::random});
	Queue queue;
	Event event;
	int runs = 0;
	Item sleeper([&] { event.wait(); });
	Item late([&] { runs++; });
	dmsnap_port_work_run(queue.queue, sleeper.get());
	dmsnap_port_work_run_after(queue.queue, late.get(), 1);
	world.run_until_idle();
	EXPECT_EQ(runs, 0);
	event.set();
	world.run_until_idle();
	EXPECT_EQ(runs, 1);
}

TEST(World, an_item_queued_while_it_runs_runs_again_afterwards)
{
	World world;
	Queue queue;
	int runs = 0;
	dmsnap_work *self = nullptr;
	Item item([&] {
		if (++runs == 1)
			dmsnap_port_work_run(queue.queue, self);
		EXPECT_LE(runs, 2);
	});
	self = item.get();
	dmsnap_port_work_run(queue.queue, self);
	world.run_until_idle();
	EXPECT_EQ(runs, 2);
}

TEST(World, a_blocked_item_blocks_its_own_queue_and_no_other)
{
	World world;
	Queue one, two;
	Event go;
	std::string trace;
	Item a([&] {
		trace += "a";
		go.wait();
		trace += "A";
	});
	Item b([&] { trace += "b"; });
	Item c([&] { trace += "c"; });
	dmsnap_port_work_run(one.queue, a.get());
	dmsnap_port_work_run(one.queue, b.get());
	dmsnap_port_work_run(two.queue, c.get());
	world.run_until_idle();
	EXPECT_EQ(trace, "ac");
	go.set();
	world.run_until_idle();
	EXPECT_EQ(trace, "acAb");
}

TEST(World, a_delayed_item_runs_at_the_earliest_time_or_when_it_is_told_to)
{
	World world;
	Queue queue;
	uint64_t begin = world.now_ns();
	std::vector<uint64_t> times;
	Item item([&] { times.push_back((world.now_ns() - begin) / 1'000'000); });
	dmsnap_port_work_run_after(queue.queue, item.get(), 30);
	dmsnap_port_work_run_after(queue.queue, item.get(), 10);
	world.settle();
	EXPECT_TRUE(times.empty());
	world.run_until_idle();
	dmsnap_port_work_run_after(queue.queue, item.get(), 50);
	dmsnap_port_work_run(queue.queue, item.get());
	world.run_until_idle();
	EXPECT_EQ(times, (std::vector<uint64_t>{10, 10}));
}

TEST(World, a_cancelled_item_never_begins)
{
	World world;
	Queue queue;
	int runs = 0;
	Item queued([&] { runs++; });
	Item delayed([&] { runs++; });
	dmsnap_port_work_run(queue.queue, queued.get());
	dmsnap_port_work_run_after(queue.queue, delayed.get(), 5);
	dmsnap_port_work_cancel(queued.get());
	dmsnap_port_work_cancel(delayed.get());
	world.run_until_idle();
	EXPECT_EQ(runs, 0);
}

TEST(World, cancelling_waits_for_a_running_item)
{
	World world;
	Queue queue;
	Event go;
	bool ended = false;
	Item item([&] {
		go.wait();
		ended = true;
	});
	dmsnap_port_work_run(queue.queue, item.get());
	world.run_until_idle();
	world.complete_at(world.now_ns() + 100, [&] { go.set(); });
	dmsnap_port_work_cancel(item.get());
	EXPECT_TRUE(ended);
}

TEST(World, a_queue_destroyed_with_work_in_it_is_reported)
{
	World world;
	FailureCapture capture;
	Item item([] {});
	{
		Queue queue;
		dmsnap_port_work_run_after(queue.queue, item.get(), 5);
		world.step();
		dmsnap_port_work_run_after(queue.queue, item.get(), 5);
		dmsnap_port_work_queue_destroy(queue.queue);
		EXPECT_TRUE(capture.saw("destroyed with work in it"));
		dmsnap_port_work_cancel(item.get());
		queue.queue = dmsnap_port_work_queue_create("other");
	}
}

TEST(World, an_object_given_back_while_its_work_is_queued_or_delayed_is_reported)
{
	for (bool delayed : {false, true}) {
		World world;
		Queue queue;
		dmsnap_pool *pool = dmsnap_port_pool_create("things", sizeof(dmsnap_work), 1);
		void *object = dmsnap_port_pool_get(pool);
		auto *work = static_cast<dmsnap_work *>(object);
		dmsnap_port_work_init(
			work, [](void *) {}, nullptr);
		if (delayed)
			dmsnap_port_work_run_after(queue.queue, work, 1);
		dmsnap_port_work_run(queue.queue, work);
		dmsnap_port_work_cancel(work);
		if (delayed)
			dmsnap_port_work_run_after(queue.queue, work, 1);
		else
			dmsnap_port_work_run(queue.queue, work);
		{
			/* The object is not really freed: the world would run its work. */
			FailureCapture capture;
			World::check_unreferred(object, sizeof(dmsnap_work), "things");
			EXPECT_TRUE(capture.saw("things is given back, but queued work"));
		}
		world.run_until_idle();
		dmsnap_port_pool_put(pool, object);
		dmsnap_port_pool_destroy(pool);
	}
}

} // namespace
} // namespace dmsnap::user
