// SPDX-License-Identifier: GPL-2.0-only
/* Commands for the snapshots of a machine, and for planning them: their options, as the command line has them. */
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
