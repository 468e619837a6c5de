// SPDX-License-Identifier: GPL-2.0-only
/* HandoverTest: a snapshot, and a second one that takes over its store. */
#pragma once

#include <gtest/gtest.h>

#include "unit/snapshot/snapshot_fixture.hpp"

namespace dmsnap::test {

class HandoverTest : public testing::Test {
protected:
	int load() { return destination_.load(user::TargetType::snapshot, 4096, source_.words); }

	/* Does the destination show what the source showed? */
	testing::AssertionResult destination_right()
	{
		return SnapshotFixture::right(source_, destination_);
	}

	int read_of(user::Mapped &mapped)
	{
		std::vector<uint8_t> data(4096);
		return mapped.read(0, data);
	}

	SnapshotFixture fixture_;
	SnapshotFixture::Snap &source_ = fixture_.add("P 8");
	user::Mapped destination_{"destination"};
};

} // namespace dmsnap::test
