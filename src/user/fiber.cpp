// SPDX-License-Identifier: GPL-2.0-only
#include "user/fiber.hpp"

#include <cstdint>
#include <utility>
#include <vector>

#include <sys/mman.h>

#include "user/failure.hpp"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace dmsnap::user {
namespace {

constexpr size_t stack_bytes = 1u << 20;
constexpr size_t guard_bytes = 4096;

Fiber *running = nullptr;

/*
 * swapcontext() saves the signal mask with two system calls, which is most of what a
 * switch costs.  The address sanitizer, though, does not follow a jump to another stack.
 */
#ifdef __SANITIZE_ADDRESS__
void change_to(ucontext_t &from, jmp_buf &, ucontext_t &to, jmp_buf &, bool)
{
	swapcontext(&from, &to);
}
#else
void change_to(ucontext_t &from, jmp_buf &from_jump, ucontext_t &to, jmp_buf &to_jump, bool first)
{
	if (_setjmp(from_jump))
		return;
	if (first)
		swapcontext(&from, &to);
	else
		_longjmp(to_jump, 1);
}
#endif

/* Stacks outlive their world: a simulation makes worlds by the thousand. */
std::vector<void *> &spare_stacks()
{
	static std::vector<void *> stacks;
	return stacks;
}

void *take_stack()
{
	if (auto &spare = spare_stacks(); !spare.empty()) {
		void *stack = spare.back();
		spare.pop_back();
		return stack;
	}
	void *stack = mmap(nullptr, guard_bytes + stack_bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (stack == MAP_FAILED || mprotect(stack, guard_bytes, PROT_NONE) != 0)
		die("no memory for a stack");
	return static_cast<char *>(stack) + guard_bytes;
}

#ifdef __SANITIZE_ADDRESS__
void switch_begins(void **fake_stack, const void *to, size_t bytes)
{
	__sanitizer_start_switch_fiber(fake_stack, to, bytes);
}
void switch_ended(void *fake_stack, const void **from, size_t *bytes)
{
	__sanitizer_finish_switch_fiber(fake_stack, from, bytes);
}
void forget_frames(void *stack)
{
	__asan_unpoison_memory_region(stack, stack_bytes);
}
#else
void switch_begins(void **, const void *, size_t)
{
}
void switch_ended(void *, const void **, size_t *)
{
}
void forget_frames(void *)
{
}
#endif

} // namespace

Fiber::Fiber() : stack_(take_stack())
{
	getcontext(&inside_);
	inside_.uc_stack.ss_sp = stack_;
	inside_.uc_stack.ss_size = stack_bytes;
	inside_.uc_link = nullptr;
	auto self = reinterpret_cast<uintptr_t>(this);
	/* makecontext passes nothing wider than an int. */
	makecontext(&inside_, reinterpret_cast<void (*)()>(&Fiber::trampoline), 2,
		    static_cast<unsigned int>(self >> 32), static_cast<unsigned int>(self));
}

Fiber::~Fiber()
{
	forget_frames(stack_);
	spare_stacks().push_back(stack_);
}

void Fiber::trampoline(unsigned int high, unsigned int low)
{
	auto self = static_cast<uintptr_t>(high) << 32 | low;
	reinterpret_cast<Fiber *>(self)->loop();
}

void Fiber::loop()
{
	switch_ended(nullptr, &outside_stack_, &outside_bytes_);
	for (;;) {
		body_();
		body_ = nullptr;
		leave();
	}
}

void Fiber::start(std::function<void()> body)
{
	context_ = Context{};
	body_ = std::move(body);
}

void Fiber::enter()
{
	ContextScope scope(context_);
	running = this;
	void *fake_stack = nullptr;
	switch_begins(&fake_stack, stack_, stack_bytes);
	change_to(outside_, outside_jump_, inside_, inside_jump_, !std::exchange(entered_, true));
	switch_ended(fake_stack, nullptr, nullptr);
	running = nullptr;
	if (finished())
		check_nothing_held(context_, "a process");
}

void Fiber::leave()
{
	void *fake_stack = nullptr;
	switch_begins(&fake_stack, outside_stack_, outside_bytes_);
	change_to(inside_, inside_jump_, outside_, outside_jump_, false);
	switch_ended(fake_stack, &outside_stack_, &outside_bytes_);
}

Fiber *Fiber::current()
{
	return running;
}

} // namespace dmsnap::user
