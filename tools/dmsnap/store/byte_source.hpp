// SPDX-License-Identifier: GPL-2.0-only
/* ByteSource: where a store is read from: a device, an image file, or a test's memory. */
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dmsnap::tool {

class ByteSource {
public:
	virtual uint64_t bytes() const = 0;
	/* Reads all of @data, which must be inside the source.  Returns false on an error. */
	virtual bool read(uint64_t offset, std::span<std::byte> data) = 0;

protected:
	~ByteSource() = default;
};

} // namespace dmsnap::tool
