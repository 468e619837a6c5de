// SPDX-License-Identifier: GPL-2.0-only
#include "user/failure.hpp"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace dmsnap::user {
namespace {

FailureHook &hook()
{
	static FailureHook instance;
	return instance;
}

std::string vtext(const char *format, va_list args)
{
	va_list again;
	va_copy(again, args);
	int length = std::vsnprintf(nullptr, 0, format, again);
	va_end(again);
	std::string result(static_cast<size_t>(length), '\0');
	std::vsnprintf(result.data(), result.size() + 1, format, args);
	return result;
}

[[noreturn]] void end_process(const std::string &message)
{
	std::fprintf(stderr, "dmsnap: %s\n%s", message.c_str(), log_of_world().c_str());
	std::fflush(nullptr);
	std::abort();
}

} // namespace

std::string text(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	std::string result = vtext(format, args);
	va_end(args);
	return result;
}

FailureHook set_failure_hook(FailureHook value)
{
	return std::exchange(hook(), std::move(value));
}

void report_failure(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	std::string message = vtext(format, args);
	va_end(args);
	if (!hook())
		end_process(message);
	hook()(message);
}

void die(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	std::string message = vtext(format, args);
	va_end(args);
	end_process(message);
}

FailureCapture::FailureCapture()
    : before_(set_failure_hook(
	      [this](const std::string &message) { messages_.push_back(message); }))
{
}

FailureCapture::~FailureCapture()
{
	set_failure_hook(std::move(before_));
}

bool FailureCapture::saw(const std::string &part) const
{
	for (const std::string &message : messages_)
		if (message.find(part) != std::string::npos)
			return true;
	return false;
}

} // namespace dmsnap::user
