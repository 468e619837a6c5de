// SPDX-License-Identifier: GPL-2.0-only
/* For the files of Mapped only. */
#pragma once

#include "user/mapped.hpp"
#include "user/world.hpp"

namespace dmsnap::user {

/* Keeps the active table while it lives. */
class Mapped::Reader {
public:
	explicit Reader(Table *table) : table_(table)
	{
		if (table_)
			table_->readers++;
	}
	~Reader()
	{
		if (table_ && --table_->readers == 0)
			World::current().wake(&table_->readers);
	}
	Reader(const Reader &) = delete;
	Reader &operator=(const Reader &) = delete;

private:
	Table *table_;
};

} // namespace dmsnap::user
