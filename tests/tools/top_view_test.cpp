// SPDX-License-Identifier: GPL-2.0-only
/* The view of top: its lines and their order. */
#include <gtest/gtest.h>

#include "live/top_view.hpp"

namespace dmsnap::test {
namespace {

using namespace tool;

TrendRow row_of(const std::string &name, uint64_t used)
{
	TrendRow row;
	row.snapshot.name = name;
	row.snapshot.state = SnapshotState::active;
	row.snapshot.usage = {used, 2000, 16};
	return row;
}

TrendRow invalid_row(const std::string &name)
{
	TrendRow row;
	row.snapshot.name = name;
	row.snapshot.state = SnapshotState::invalid;
	return row;
}

TEST(TopViewTest, shows_what_is_known)
{
	TrendRow row = row_of("one", 1000);
	row.trend = {.sectors_per_second = 20, .seconds_left = 50};
	std::vector<std::string> lines = top_lines({&row, 1}, 80, 0);
	ASSERT_EQ(lines.size(), 2u);
	EXPECT_TRUE(lines[0].starts_with("NAME  STATE   FULL/MERGED"));
	EXPECT_NE(lines[1].find("#."), std::string::npos);
	EXPECT_NE(lines[1].find(" 50.0 %"), std::string::npos);
	EXPECT_NE(lines[1].find(" 500.0 KiB"), std::string::npos);
	EXPECT_NE(lines[1].find(" 10.0 "), std::string::npos);
	EXPECT_NE(lines[1].find("  50 s, "), std::string::npos);
}

TEST(TopViewTest, shows_nothing_of_what_is_unknown)
{
	TrendRow rows[] = {row_of("one", 1000), invalid_row("two")};
	std::vector<std::string> lines = top_lines(rows, 80, 0);
	EXPECT_TRUE(lines[1].ends_with("  -"));
	EXPECT_EQ(lines[2].find('['), std::string::npos);
	EXPECT_EQ(lines[2].find('%'), std::string::npos);
}

TEST(TopViewTest, shows_the_time_of_an_end_that_is_near_only)
{
	TrendRow row = row_of("one", 1000);
	row.trend = {.sectors_per_second = 1e-3, .seconds_left = 1e6};
	EXPECT_TRUE(top_lines({&row, 1}, 80, 0)[1].ends_with("  11.6 d"));
	row.trend.seconds_left = 1e30;
	EXPECT_TRUE(top_lines({&row, 1}, 80, 0)[1].ends_with("  -"));
}

TEST(TopViewTest, fits_the_terminal_if_that_has_room)
{
	TrendRow row = row_of("one", 1000);
	row.trend = {.sectors_per_second = 20, .seconds_left = 50};
	for (size_t columns : {80, 90, 100})
		EXPECT_EQ(top_lines({&row, 1}, columns, 0)[1].size(), columns);
	EXPECT_LT(top_lines({&row, 1}, 300, 0)[1].size(), 150u);
}

TEST(TopViewTest, keeps_percentage_and_end_however_narrow_it_is)
{
	TrendRow row = row_of("vg-with-a-long-name-that-means-something", 1000);
	row.trend = {.sectors_per_second = 20, .seconds_left = 50, .used = {1, 2, 3}};
	for (size_t columns = 24; columns < 200; columns++) {
		std::string line = top_lines({&row, 1}, columns, 0)[1];
		EXPECT_LE(line.size(), columns);
		EXPECT_NE(line.find(" 50.0 %"), std::string::npos) << columns;
		EXPECT_NE(line.find(" 50 s"), std::string::npos) << columns;
		EXPECT_TRUE(line.starts_with("v")) << columns;
	}
	std::string cut = top_lines({&row, 1}, 40, 0)[1];
	EXPECT_NE(cut.find(".."), std::string::npos);
	EXPECT_NE(cut.find("something "), std::string::npos);
}

TEST(TopViewTest, shows_what_is_wrong_where_there_is_no_room_for_states)
{
	TrendRow rows[] = {row_of("one", 1000), invalid_row("two")};
	rows[0].trend = {.sectors_per_second = 20, .seconds_left = 50};
	EXPECT_NE(top_lines(rows, 24, 0)[2].find("invalid"), std::string::npos);
	rows[1].snapshot.reason = "no free chunk";
	EXPECT_NE(top_lines(rows, 120, 0)[2].find("invalid: no free chunk"), std::string::npos);
}

TEST(TopViewTest, draws_the_last_looks)
{
	TrendRow row = row_of("one", 1000);
	row.trend = {.used = {0, 70, 30}};
	EXPECT_NE(top_lines({&row, 1}, 120, 0)[1].find(" _@="), std::string::npos);
}

TEST(TopViewTest, calls_volumes_by_the_names_of_LVM2)
{
	TrendRow row = row_of("my--vg-snap", 1000);
	row.snapshot.vg = "my-vg";
	row.snapshot.lv = "snap";
	EXPECT_TRUE(top_lines({&row, 1}, 80, 0)[1].starts_with("my-vg/snap "));
}

TEST(TopViewTest, failed_ones_come_before_full_ones)
{
	TrendRow rows[] = {row_of("a", 10), row_of("b", 20), invalid_row("c"), row_of("d", 20)};
	auto names = [&] {
		std::string all;
		for (const TrendRow &row : rows)
			all += row.snapshot.name;
		return all;
	};
	sort_rows(rows, TopOrder::full);
	EXPECT_EQ(names(), "cbda");
	sort_rows(rows, TopOrder::name);
	EXPECT_EQ(names(), "abcd");
}

TEST(TopViewTest, without_snapshots_has_its_titles)
{
	std::vector<std::string> lines = top_lines({}, 80, 0);
	ASSERT_EQ(lines.size(), 1u);
	EXPECT_TRUE(lines[0].starts_with("NAME"));
}

} // namespace
} // namespace dmsnap::test
