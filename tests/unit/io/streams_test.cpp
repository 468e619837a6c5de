// SPDX-License-Identifier: GPL-2.0-only
/* Streams: which writes make a stream, and how much is guessed. */
#include "io/streams.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "user/random.hpp"
#include "user/world.hpp"

namespace dmsnap::test {
namespace {

using Guess = Streams::Guess;

class StreamsTest : public testing::Test {
protected:
	std::optional<Guess> take()
	{
		Guess guess;
		return streams_.take(guess) ? std::optional(guess) : std::nullopt;
	}

	/* Writes @count sectors.  Each guess is copied completely. */
	void write(uint64_t sector, uint64_t count)
	{
		if (sector + count <= copied_until_)
			streams_.passed(sector, sector + count);
		else
			streams_.touched(sector, sector + count);
		while (auto guess = take()) {
			last_ = *guess;
			streams_.made(*guess, guess->end, guess->end - guess->begin);
			copied_until_ = guess->end;
		}
	}

	/* Consecutive writes of 8 sectors. */
	void write_stream(uint64_t sector, uint64_t count)
	{
		copied_until_ = 0;
		for (uint64_t at = sector; at < sector + count; at += 8)
			write(at, 8);
	}

	uint64_t unwritten() const { return streams_.count().waiting + streams_.count().wasted; }

	user::World world_;
	Streams streams_;
	uint64_t copied_until_ = 0;
	Guess last_{};
};

TEST_F(StreamsTest, four_touches_in_a_row_are_a_stream)
{
	for (uint64_t at : {1000u, 1008u, 1016u})
		EXPECT_FALSE(streams_.touched(at, at + 8));
	EXPECT_FALSE(take());
	EXPECT_TRUE(streams_.touched(1024, 1032));
	auto guess = take();
	ASSERT_TRUE(guess);
	EXPECT_EQ(guess->begin, 1032u);
	/* The guess is as long as what was written. */
	EXPECT_EQ(guess->end, 1064u);
	EXPECT_FALSE(take());
}

TEST_F(StreamsTest, random_touches_are_none)
{
	user::Random random(7);
	for (int i = 0; i < 100000; i++) {
		uint64_t at = random.below(1 << 18) * 8;
		streams_.touched(at, at + 8);
		ASSERT_FALSE(take());
	}
	EXPECT_EQ(streams_.count().copied, 0u);
}

TEST_F(StreamsTest, several_streams_continue_beside_random_touches)
{
	user::Random random(7);
	for (uint64_t n = 0; n < 32; n++) {
		for (uint64_t stream = 0; stream < 4; stream++) {
			write((stream << 20) + n * 8, 8);
			streams_.touched(random.below(1 << 10) * 4096, 8);
		}
	}
	EXPECT_GT(streams_.count().copied, 4 * 32 * 8u);
}

TEST_F(StreamsTest, no_more_is_ahead_than_was_written)
{
	for (uint64_t length = 8; length <= 1 << 15; length += 8) {
		write(length - 8, 8);
		EXPECT_LE(copied_until_, 2 * length);
	}
	EXPECT_EQ(last_.end - last_.begin, Streams::window_max);
	EXPECT_LE(unwritten(), Streams::window_max * 3 / 2);
}

TEST_F(StreamsTest, the_next_window_is_wanted_when_half_of_one_is_left)
{
	write_stream(0, 4096);
	uint64_t pos = 4096;
	while (copied_until_ - pos > (last_.end - last_.begin) / 2) {
		uint64_t until = copied_until_;
		write(pos, 8);
		pos += 8;
		if (until != copied_until_)
			break;
	}
	write(pos, 8);
	/* As long as the stream continues it never waits for a copy. */
	for (int n = 0; n < 4000; n++, pos += 8) {
		ASSERT_LE(pos + 8, copied_until_);
		write(pos, 8);
	}
}

TEST_F(StreamsTest, unwritten_guesses_are_counted)
{
	write_stream(0, 64);
	const uint64_t copied = streams_.count().copied;
	EXPECT_EQ(unwritten(), copied_until_ - 64);
	EXPECT_EQ(streams_.count().wasted, 0u);
	/* The stream continues after the guess, with a gap. */
	streams_.touched(copied_until_ + 8, copied_until_ + 16);
	EXPECT_EQ(streams_.count().waiting, 0u);
	EXPECT_EQ(streams_.count().wasted, copied_until_ - 64);
	EXPECT_EQ(streams_.count().copied, copied);
}

TEST_F(StreamsTest, wrong_guesses_make_windows_shorter_and_right_ones_longer)
{
	uint64_t wasted = 0;
	for (uint64_t n = 0; n < 1000; n++) {
		write_stream(n << 16, 128);
		EXPECT_LE(copied_until_ - (n << 16), 256u);
		if (n == 99)
			wasted = unwritten();
	}
	/* Windows of the smallest size; the next one may be made when half of one is left. */
	EXPECT_LE(unwritten() - wasted, 900 * Streams::window_min * 3 / 2);
	write_stream(1ull << 40, 1 << 18);
	EXPECT_EQ(last_.end - last_.begin, Streams::window_max);
}

TEST_F(StreamsTest, a_guess_that_is_not_made_is_wanted_again)
{
	for (uint64_t at = 0; at < 32; at += 8)
		streams_.touched(at, at + 8);
	auto guess = take();
	ASSERT_TRUE(guess);
	streams_.made(*guess, guess->begin, 0);
	EXPECT_FALSE(streams_.any_ahead());
	EXPECT_TRUE(streams_.touched(32, 40));
	EXPECT_EQ(take()->begin, 40u);
}

TEST_F(StreamsTest, a_stream_that_waits_for_a_guess_is_not_forgotten)
{
	write_stream(0, 64);
	/* No further guess is copied. */
	uint64_t pos = 64;
	for (; pos < copied_until_; pos += 8) {
		streams_.passed(pos, pos + 8);
		if (auto guess = take())
			streams_.made(*guess, guess->begin, 0);
	}
	/* A guess is wanted again, and the stream continues after the gap. */
	EXPECT_TRUE(streams_.touched(pos + 8, pos + 16));
	EXPECT_TRUE(take());
}

TEST_F(StreamsTest, a_guess_that_is_overtaken_is_followed)
{
	for (uint64_t at = 0; at < 32; at += 8)
		streams_.touched(at, at + 8);
	auto guess = take();
	ASSERT_TRUE(guess);
	streams_.touched(32, 40);
	streams_.made(*guess, guess->end, guess->end - guess->begin);
	EXPECT_TRUE(streams_.any_ahead());
	EXPECT_EQ(streams_.count().wasted, 0u);
	EXPECT_EQ(streams_.count().waiting, guess->end - 40);
}

TEST_F(StreamsTest, a_guess_made_for_a_stream_that_has_ended_is_waste)
{
	for (uint64_t at = 0; at < 32; at += 8)
		streams_.touched(at, at + 8);
	auto guess = take();
	ASSERT_TRUE(guess);
	for (uint64_t n = 1; n <= Streams::streams_max; n++)
		for (uint64_t at = n << 20; at < (n << 20) + 32; at += 8)
			streams_.touched(at, at + 8);
	streams_.made(*guess, guess->end, 32);
	EXPECT_FALSE(streams_.any_ahead());
	EXPECT_EQ(streams_.count().wasted, 32u);
	EXPECT_EQ(streams_.count().waiting, 0u);
}

TEST_F(StreamsTest, is_asked_only_while_something_is_copied_ahead)
{
	EXPECT_FALSE(streams_.any_ahead());
	write_stream(0, 32);
	EXPECT_TRUE(streams_.any_ahead());
	EXPECT_FALSE(streams_.passed(1 << 20, (1 << 20) + 8));
	/* This writes all of it. */
	EXPECT_TRUE(streams_.passed(32, 64));
	EXPECT_FALSE(streams_.any_ahead());
}

} // namespace
} // namespace dmsnap::test
