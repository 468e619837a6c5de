// SPDX-License-Identifier: GPL-2.0-only
#include "model/engine/explorer.hpp"

#include <bit>
#include <cstdlib>

#include "model/engine/model.hpp"

namespace dmsnap::model {

namespace {

constexpr size_t stack_bytes = 256 * 1024;

/* The explorer whose threads run: a fiber's entry has no argument that could hold it. */
Explorer *running = nullptr;

constexpr uint8_t bit(unsigned int thread)
{
	return static_cast<uint8_t>(1u << thread);
}

bool commute(const Step &a, const Step &b)
{
	return !a.address || !b.address || a.address != b.address || (!a.writes && !b.writes);
}

} // namespace

Explorer::Explorer()
{
	for (Fiber &fiber : fibers_)
		fiber.stack = std::make_unique<char[]>(stack_bytes);
}

Explorer::~Explorer() = default;

void Explorer::begin_search(const uint32_t *seed)
{
	trail_.clear();
	random_ = seed != nullptr;
	if (seed)
		seed_ = *seed;
}

Explorer::End Explorer::run(unsigned int threads, Body body)
{
	running = this;
	threads_ = threads;
	body_ = body;
	depth_ = 0;
	asleep_ = 0;
	end_ = End::complete;
	if (random_)
		generator_.seed(seed_);
	for (unsigned int i = 0; i < threads; i++) {
		Fiber &fiber = fibers_[i];
		fiber.pending = {};
		fiber.finished = false;
		getcontext(&fiber.context);
		fiber.context.uc_stack.ss_sp = fiber.stack.get();
		fiber.context.uc_stack.ss_size = stack_bytes;
		fiber.context.uc_link = nullptr;
		makecontext(&fiber.context, &Explorer::enter, 0);
	}
	starting_ = true;
	for (unsigned int i = 0; i < threads && end_ == End::complete; i++)
		switch_to(i);
	starting_ = false;
	if (end_ == End::complete)
		schedule();
	current_ = threads_max;
	return end_;
}

void Explorer::enter()
{
	const unsigned int self = running->current_;
	running->body_(self);
	running->fibers_[self].finished = true;
	if (!running->starting_)
		running->schedule();
	setcontext(&running->caller_);
}

/* Called on the caller's stack too. */
void Explorer::switch_to(unsigned int thread)
{
	ucontext_t &from = current_ == threads_max ? caller_ : fibers_[current_].context;
	current_ = thread;
	ucontext_t &to = thread == threads_max ? caller_ : fibers_[thread].context;
	swapcontext(&from, &to);
	/* The caller's loop starts the next thread. */
	if (&from == &caller_)
		current_ = threads_max;
}

void Explorer::reach(const Step &step)
{
	fibers_[current_].pending = step;
	if (starting_)
		switch_to(threads_max);
	else
		schedule();
}

/* Returns when the thread that called it has its turn; for the caller of run(), at the end. */
void Explorer::schedule()
{
	uint8_t enabled = 0;
	bool any_left = false;
	for (unsigned int i = 0; i < threads_; i++) {
		const Fiber &fiber = fibers_[i];
		if (fiber.finished)
			continue;
		any_left = true;
		if (!fiber.pending.ready || fiber.pending.ready(fiber.pending))
			enabled |= bit(i);
	}
	if (!any_left) {
		if (current_ != threads_max)
			switch_to(threads_max);
		return;
	}
	if (enabled == 0)
		fail("every thread waits for another one");

	const unsigned int chosen = pick_thread(enabled);
	if (chosen == current_)
		return;
	switch_to(chosen);
}

unsigned int Explorer::pick_thread(uint8_t enabled)
{
	if (random_) {
		unsigned int left = std::uniform_int_distribution<unsigned int>(
			0, static_cast<unsigned int>(std::popcount(enabled)) - 1)(generator_);
		unsigned int thread = 0;
		for (;; thread++) {
			if (enabled & bit(thread) && left-- == 0)
				return thread;
		}
	}
	if (depth_ == trail_.size()) {
		const auto awake = static_cast<uint8_t>(enabled & ~asleep_);
		if (awake == 0)
			abandon(End::redundant);
		/* The same thread as before: fewer switches. */
		unsigned int first = current_;
		if (first == threads_max || !(awake & bit(first)))
			first = static_cast<unsigned int>(std::countr_zero(awake));
		trail_.push_back({true, enabled, asleep_, static_cast<uint8_t>(first), 0});
	}
	const Decision &decision = trail_[depth_++];
	if (!decision.of_threads || decision.enabled != enabled)
		std::abort();
	fall_asleep(decision.chosen, decision.asleep);
	return decision.chosen;
}

/* Those stay asleep whose step commutes with that of the thread that goes on. */
void Explorer::fall_asleep(unsigned int chosen, uint8_t asleep)
{
	asleep_ = 0;
	for (unsigned int i = 0; i < threads_; i++) {
		if (asleep & bit(i) && i != chosen &&
		    commute(fibers_[i].pending, fibers_[chosen].pending))
			asleep_ |= bit(i);
	}
}

unsigned int Explorer::choose(unsigned int options)
{
	if (options == 1)
		return 0;
	if (random_)
		return std::uniform_int_distribution<unsigned int>(0, options - 1)(generator_);
	if (depth_ == trail_.size())
		trail_.push_back({false, 0, 0, 0, static_cast<uint8_t>(options)});
	const Decision &decision = trail_[depth_++];
	if (decision.of_threads || decision.options != options)
		std::abort();
	return decision.chosen;
}

bool Explorer::next()
{
	if (random_) {
		seed_++;
		return true;
	}
	while (!trail_.empty()) {
		Decision &decision = trail_.back();
		if (decision.of_threads) {
			decision.asleep |= bit(decision.chosen);
			const auto awake =
				static_cast<uint8_t>(decision.enabled & ~decision.asleep);
			if (awake != 0) {
				decision.chosen = static_cast<uint8_t>(std::countr_zero(awake));
				return true;
			}
		} else if (++decision.chosen < decision.options) {
			return true;
		}
		trail_.pop_back();
	}
	return false;
}

void Explorer::abandon(End end)
{
	end_ = end;
	if (current_ == threads_max)
		std::abort();
	setcontext(&caller_);
	std::abort();
}

} // namespace dmsnap::model
