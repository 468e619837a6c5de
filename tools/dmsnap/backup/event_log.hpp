// SPDX-License-Identifier: GPL-2.0-only
/*
 * EventLog: events of a volume's snapshots and backups, on the terminal, and in the journal with
 * fields for searching:
 *
 *	journalctl DMSNAP_NAME=data DMSNAP_ACTION=removed
 */
#pragma once

#include <functional>
#include <string>

#include "backup/config.hpp"
#include "system/failure.hpp"

namespace dmsnap::tool {

struct Event {
	/* "created", "removed", "in use", "extended", "backed up", "failed" */
	const char *action;
	/* The device or file of the event; may be empty. */
	std::string object;
	std::string message;
};

class EventLog {
public:
	/* @is_quiet: only JSON goes to standard output. */
	EventLog(const Config &config, bool is_quiet);

	void info(const Event &event) const;
	void warning(const Event &event) const;

	/* Runs @work; logs its Failure in the journal as well. */
	ExitCode watch(const std::function<ExitCode()> &work) const;

private:
	void send(const Event &event, int priority) const;

	const Config &config_;
	const bool is_quiet_;
};

} // namespace dmsnap::tool
