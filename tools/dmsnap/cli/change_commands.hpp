// SPDX-License-Identifier: GPL-2.0-only
/* The commands for changes since a snapshot, and their options. */
#pragma once

#include "cli/option_words.hpp"

namespace dmsnap::tool {

class ChangeCommands {
public:
	void add(const AddCommand &add);

private:
	void add_diff(const AddCommand &add);
	void add_export(const AddCommand &add);
	void add_apply(const AddCommand &add);

	DiffOptions diff_;
	ExportOptions export_;
	ApplyOptions apply_;
};

} // namespace dmsnap::tool
