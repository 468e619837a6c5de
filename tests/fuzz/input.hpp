// SPDX-License-Identifier: GPL-2.0-only
/*
 * Input: takes numbers and bytes from the front of the fuzzer's input.  Behind its end everything
 * is 0, so every input is valid.
 */
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace dmsnap::fuzz {

class Input {
public:
	Input(const uint8_t *data, size_t bytes) : left_(data, bytes) {}

	bool empty() const { return left_.empty(); }

	uint8_t byte() { return number<uint8_t>(); }
	template <typename T> T number()
	{
		uint8_t bytes[sizeof(T)] = {};
		std::span<const uint8_t> taken = take(sizeof(T));
		std::copy(taken.begin(), taken.end(), bytes);
		T value = 0;
		for (size_t i = sizeof(T); i > 0; i--)
			value = static_cast<T>(static_cast<uint64_t>(value) << 8 | bytes[i - 1]);
		return value;
	}

	/* Returns fewer at the end of the input. */
	std::span<const uint8_t> take(size_t bytes)
	{
		std::span<const uint8_t> taken = left_.first(std::min(bytes, left_.size()));
		left_ = left_.subspan(taken.size());
		return taken;
	}
	std::span<const uint8_t> rest() { return take(left_.size()); }

private:
	std::span<const uint8_t> left_;
};

} // namespace dmsnap::fuzz
