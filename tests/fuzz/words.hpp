// SPDX-License-Identifier: GPL-2.0-only
/* Words: those of a table line or a message as dm passes them: zero-terminated and writable. */
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace dmsnap::fuzz {

class Words {
public:
	static constexpr size_t words_max = 12;

	explicit Words(std::span<const uint8_t> bytes)
	    : text_(reinterpret_cast<const char *>(bytes.data()), bytes.size())
	{
		for (size_t at = 0; at < text_.size() && count_ < words_max;
		     at += std::strlen(&text_[at]) + 1)
			argv_[count_++] = &text_[at];
	}
	explicit Words(std::string_view line) : text_(line)
	{
		for (size_t at = 0; at < text_.size() && count_ < words_max;) {
			argv_[count_++] = &text_[at];
			at = std::min(text_.find(' ', at), text_.size());
			if (at < text_.size())
				text_[at++] = '\0';
		}
	}
	Words(const Words &) = delete;
	Words &operator=(const Words &) = delete;

	unsigned int count() const { return count_; }
	char **argv() { return argv_; }
	char *const *argv() const { return argv_; }
	const char *operator[](size_t i) const { return argv_[i]; }

private:
	std::string text_;
	char *argv_[words_max] = {};
	unsigned int count_ = 0;
};

} // namespace dmsnap::fuzz
