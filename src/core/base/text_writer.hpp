// SPDX-License-Identifier: GPL-2.0-only
/* TextWriter: writes lines "NAME VALUE", cut off where the buffer ends. */
#pragma once

#include <span>

#include <dmsnap/port/log.h>

#include "base/histogram.hpp"

namespace dmsnap {

class TextWriter {
public:
	explicit TextWriter(std::span<char> buffer) : rest_(buffer) {}

	void line(const char *name, uint64_t value)
	{
		advance(dmsnap_port_format(rest_.data(), rest_.size(), "%s %llu\n", name,
					   static_cast<unsigned long long>(value)));
	}
	void line(const char *name, const char *value)
	{
		advance(dmsnap_port_format(rest_.data(), rest_.size(), "%s %s\n", name, value));
	}
	/* Writes "NAME BEGIN:COUNT...", for the buckets that are not empty. */
	void line(const char *name, const Histogram &histogram)
	{
		advance(dmsnap_port_format(rest_.data(), rest_.size(), "%s", name));
		for (size_t i = 0; i < Histogram::buckets; i++)
			if (uint64_t count = histogram.count(i))
				advance(dmsnap_port_format(
					rest_.data(), rest_.size(), " %llu:%llu",
					static_cast<unsigned long long>(Histogram::begin(i)),
					static_cast<unsigned long long>(count)));
		advance(dmsnap_port_format(rest_.data(), rest_.size(), "\n"));
	}

private:
	void advance(size_t length) { rest_ = rest_.subspan(length); }

	std::span<char> rest_;
};

} // namespace dmsnap
