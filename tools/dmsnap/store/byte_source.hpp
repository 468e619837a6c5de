// SPDX-License-Identifier: GPL-2.0-only
/* ByteSource: the source from which a store is read: a device, an image file, a test's memory. */
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dmsnap::tool {

class ByteSource {
public:
	virtual uint64_t bytes() const = 0;
	/* Reads all of @data, which is inside the source; false: unreadable. */
	virtual bool read(uint64_t offset, std::span<std::byte> data) = 0;

protected:
	~ByteSource() = default;
};

} // namespace dmsnap::tool
