// SPDX-License-Identifier: GPL-2.0-only
/* Worker and Timer on the kernel's work queues. */
#include "base/worker.hpp"

#include "kunit/core/cases.hpp"

namespace dmsnap::kunit {
namespace {

constexpr unsigned int counters = 64;

/* Tasks that count, post themselves again, and detect concurrent runs. */
class CountingTasks {
public:
	static constexpr unsigned int rounds = 4;

	CountingTasks(const dmsnap_case &run, Worker &worker) : run_(run), worker_(worker)
	{
		for (Counter &counter : counters_)
			counter.tasks = this;
	}

	void post_all()
	{
		for (Counter &counter : counters_)
			worker_.post(counter.task);
	}
	Task &end_task() { return end_task_; }
	void wait() { ended_.wait(); }
	void stop()
	{
		for (Counter &counter : counters_)
			worker_.stop(counter.task);
		worker_.stop(end_task_);
	}
	uint64_t counted() const { return counted_; }

private:
	struct Counter {
		void count() { tasks->count(*this); }

		CountingTasks *tasks = nullptr;
		unsigned int runs = 0;
		MethodTask<Counter, &Counter::count> task{*this};
	};

	/* Plain integers suffice: only one task runs at a time. */
	void count(Counter &counter)
	{
		CHECK(run_, !inside_);
		inside_ = true;
		counted_++;
		if (++counter.runs < rounds)
			worker_.post(counter.task);
		if (counted_ == rounds * counters)
			worker_.post_late(end_task_);
		inside_ = false;
	}
	void end()
	{
		CHECK(run_, !inside_);
		ended_.set();
	}

	const dmsnap_case &run_;
	Worker &worker_;
	Counter counters_[counters];
	bool inside_ = false;
	uint64_t counted_ = 0;
	Event ended_;
	MethodTask<CountingTasks, &CountingTasks::end> end_task_{*this};
};

} // namespace
} // namespace dmsnap::kunit

using namespace dmsnap;
using namespace dmsnap::kunit;

void dmsnap_case_worker_runs_all_and_one_at_a_time(const dmsnap_case &run)
{
	auto worker = Worker::create("kunit");
	if (!CHECK(run, worker))
		return;
	auto tasks = make_owned<CountingTasks>(run, **worker);
	if (!CHECK(run, tasks))
		return;
	(*tasks)->post_all();
	(*tasks)->wait();
	(*tasks)->stop();
	CHECK_EQ(run, (*tasks)->counted(), CountingTasks::rounds * counters);
}

void dmsnap_case_timer_posts_its_task(const dmsnap_case &run)
{
	auto worker = Worker::create("kunit");
	if (!CHECK(run, worker))
		return;
	auto tasks = make_owned<CountingTasks>(run, **worker);
	if (!CHECK(run, tasks))
		return;
	auto timer = make_owned<Timer>(**worker, (*tasks)->end_task());
	if (!CHECK(run, timer))
		return;
	(*timer)->start(1000000);
	(*timer)->cancel();
	const uint64_t begin = dmsnap_port_now_ns();
	(*timer)->start(20);
	(*tasks)->wait();
	/* It may be two ticks early, with 100 ticks a second. */
	CHECK(run, dmsnap_port_now_ns() - begin >= 1'000'000);
	(*timer)->cancel();
	(*tasks)->stop();
}
