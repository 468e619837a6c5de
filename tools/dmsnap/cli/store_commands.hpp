// SPDX-License-Identifier: GPL-2.0-only
/* The commands for stores, and their options. */
#pragma once

#include "cli/option_words.hpp"

namespace dmsnap::tool {

class StoreCommands {
public:
	void add(const AddCommand &add);

private:
	void add_check(const AddCommand &add);
	void add_dump(const AddCommand &add);
	void add_restore(const AddCommand &add);
	void add_repair(const AddCommand &add);

	CheckOptions check_;
	DumpOptions dump_;
	RestoreOptions restore_;
	RepairOptions repair_;
};

} // namespace dmsnap::tool
