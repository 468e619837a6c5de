// SPDX-License-Identifier: GPL-2.0-only
#include "cli/text_table.hpp"

#include <cstdlib>
#include <memory>
#include <new>
#include <sstream>

#include <libsmartcols/libsmartcols.h>

namespace dmsnap::tool {
namespace {

using Scols = std::unique_ptr<libscols_table,
			      decltype([](libscols_table *table) { scols_unref_table(table); })>;

/* The library fails only if it has no memory. */
void demand(bool done)
{
	if (!done)
		throw std::bad_alloc();
}

void add_row(libscols_table *table, const std::vector<std::string> &row)
{
	libscols_line *line = scols_table_new_line(table, nullptr);
	demand(line);
	for (size_t i = 0; i < row.size(); i++)
		demand(scols_line_set_data(line, i, row[i].c_str()) == 0);
}

std::string print(libscols_table *table)
{
	char *text = nullptr;
	demand(scols_print_table_to_string(table, &text) == 0);
	std::unique_ptr<char, decltype([](char *memory) { std::free(memory); })> owner(text);
	return text;
}

} // namespace

std::vector<std::string> TextTable::lines() const
{
	Scols table(scols_new_table());
	demand(table != nullptr);
	demand(scols_table_set_column_separator(table.get(), "  ") == 0);
	/* Words are never cut, even on a narrow terminal. */
	demand(scols_table_set_termforce(table.get(), SCOLS_TERMFORCE_NEVER) == 0);
	/* The titles are an ordinary row, because the library prints no titles without rows. */
	demand(scols_table_enable_noheadings(table.get(), 1) == 0);
	for (const std::string &title : rows_.front()) {
		bool right = title.starts_with(' ');
		demand(scols_table_new_column(table.get(), "", 0, right ? SCOLS_FL_RIGHT : 0));
	}
	for (const std::vector<std::string> &row : rows_)
		add_row(table.get(), row);

	std::vector<std::string> lines;
	std::istringstream text(print(table.get()));
	for (std::string line; std::getline(text, line);) {
		line.erase(line.find_last_not_of(' ') + 1);
		lines.push_back(std::move(line));
	}
	return lines;
}

} // namespace dmsnap::tool
