// SPDX-License-Identifier: GPL-2.0-only
/* The commands for a machine's snapshots and for planning them, and their options. */
#pragma once

#include "cli/option_words.hpp"

namespace dmsnap::tool {

class LiveCommands {
public:
	void add(const AddCommand &add);

private:
	void add_estimate(const AddCommand &add);
	void add_status(const AddCommand &add);
	void add_top(const AddCommand &add);
	void add_wait(const AddCommand &add);
	void add_doctor(const AddCommand &add);

	EstimateOptions estimate_;
	StatusOptions status_;
	TopOptions top_;
	WaitOptions wait_;
	DoctorOptions doctor_;
};

} // namespace dmsnap::tool
