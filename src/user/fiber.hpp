// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fiber: a stack of its own for one process of the simulated world, so that it
 * can wait in the middle of a function while others run.  All fibers share one
 * thread; a switch happens only where enter() and leave() are called.
 */
#pragma once

#include <csetjmp>
#include <functional>

#include <ucontext.h>

#include "user/context.hpp"

namespace dmsnap::user {

class Fiber {
public:
	Fiber();
	~Fiber();
	Fiber(const Fiber &) = delete;
	Fiber &operator=(const Fiber &) = delete;

	/* Sets the body to run at the next enter().  Only when finished. */
	void start(std::function<void()> body);
	/* From outside any fiber: runs it until it leaves or its body ends. */
	void enter();
	/* From inside: returns to the caller of enter(). */
	void leave();
	bool finished() const { return !body_; }
	Context &context() { return context_; }

	/* The fiber that runs now, or nullptr. */
	static Fiber *current();

private:
	static void trampoline(unsigned int high, unsigned int low);
	void loop();

	Context context_;
	std::function<void()> body_;
	ucontext_t inside_;
	ucontext_t outside_;
	jmp_buf inside_jump_;
	jmp_buf outside_jump_;
	bool entered_ = false;
	void *stack_;
	/* The outside's stack, for the address sanitizer. */
	const void *outside_stack_ = nullptr;
	size_t outside_bytes_ = 0;
};

} // namespace dmsnap::user
