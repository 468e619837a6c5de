// SPDX-License-Identifier: GPL-2.0-only
/* dmsnap create --group; cli/commands.hpp has the other commands. */
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "system/failure.hpp"

namespace CLI {
class App;
} // namespace CLI

namespace dmsnap::tool {

struct GroupOptions {
	std::string group;
	/* "vg/a" */
	std::vector<std::string> volumes;
	/* The size of each snapshot: bytes, or "20%" of its origin. */
	std::string size = "20%";
	/* How long writers may be blocked. */
	double limit_seconds = 10;
	/* Shell commands to run before the origins are suspended, and at the end. */
	std::string before, after;
	bool json = false;
};
ExitCode create_group(const GroupOptions &options);

/* The options of "dmsnap create". */
class GroupCommand {
public:
	using Run = std::function<ExitCode()>;
	using Add = std::function<CLI::App *(const char *name, const char *what, const Run &run)>;
	void add(const Add &add_command);

private:
	GroupOptions options_;
};

} // namespace dmsnap::tool
