// SPDX-License-Identifier: GPL-2.0-only
/*
 * Error: one value for each kind of failure.  Errno values enter only at the port and leave only
 * in api/.
 */
#pragma once

#include <cstdint>
#include <expected>

namespace dmsnap {

enum class Error : uint8_t {
#define DMSNAP_ERROR(name, number, text) name,
#include "base/errors.def"
#undef DMSNAP_ERROR
};

/* A negative errno for callers outside the core. */
constexpr int to_errno(Error error)
{
	constexpr int numbers[] = {
#define DMSNAP_ERROR(name, number, text) -(number),
#include "base/errors.def"
#undef DMSNAP_ERROR
	};
	return numbers[static_cast<uint8_t>(error)];
}

/* A sentence for the log, without a full stop. */
constexpr const char *to_text(Error error)
{
	constexpr const char *texts[] = {
#define DMSNAP_ERROR(name, number, text) text,
#include "base/errors.def"
#undef DMSNAP_ERROR
	};
	return texts[static_cast<uint8_t>(error)];
}

/* A value, or the reason why there is none.  It may not be ignored. */
template <typename T> class [[nodiscard]] Result : public std::expected<T, Error> {
public:
	using std::expected<T, Error>::expected;
};
using Status = Result<void>;

/* Why dm gets no target: a negative errno, and a static string for the user. */
struct Refusal {
	int number;
	const char *text;
};

template <typename Reason> constexpr std::unexpected<Reason> fail(Reason reason)
{
	return std::unexpected<Reason>(reason);
}

constexpr std::unexpected<Refusal> refuse(int number, const char *text)
{
	return fail(Refusal{number, text});
}

constexpr std::unexpected<Refusal> refuse(Error error, const char *text)
{
	return refuse(to_errno(error), text);
}

} // namespace dmsnap

/* Value of an expression that yields a Result; returns its error from the function. */
#define DMSNAP_TRY(expression)                                                                     \
	({                                                                                         \
		auto dmsnap_result_ = (expression);                                                \
		if (!dmsnap_result_)                                                               \
			return ::dmsnap::fail(dmsnap_result_.error());                             \
		*static_cast<decltype(dmsnap_result_) &&>(dmsnap_result_);                         \
	})

/* The same for a Status, which has no value. */
#define DMSNAP_CHECK(expression)                                                                   \
	do {                                                                                       \
		if (auto dmsnap_status_ = (expression); !dmsnap_status_)                           \
			return ::dmsnap::fail(dmsnap_status_.error());                             \
	} while (false)
