// SPDX-License-Identifier: GPL-2.0-only
#include "backup/event_log.hpp"

#include <cstdlib>
#include <vector>

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <syslog.h>
#include <systemd/sd-journal.h>

#include "cli/printable.hpp"

namespace dmsnap::tool {
namespace {

/* If the journal reads this stream too, it would get the line twice. */
bool is_journal(FILE *file)
{
	const char *stream = std::getenv("JOURNAL_STREAM");
	struct stat about;

	return stream && fstat(fileno(file), &about) == 0 &&
	       fmt::format("{}:{}", about.st_dev, about.st_ino) == stream;
}

} // namespace

EventLog::EventLog(const Config &config, bool is_quiet) : config_(config), is_quiet_(is_quiet)
{
}

void EventLog::info(const Event &event) const
{
	send(event, LOG_INFO);
	if (!is_quiet_ && !is_journal(stdout)) {
		fmt::print("{}\n", printable(event.message));
		std::fflush(stdout);
	}
}

void EventLog::warning(const Event &event) const
{
	send(event, LOG_WARNING);
	if (!is_journal(stderr))
		fmt::print(stderr, "dmsnap: {}\n", printable(event.message));
}

ExitCode EventLog::watch(const std::function<ExitCode()> &work) const
try {
	return work();
} catch (const Failure &failure) {
	send({"failed", "", failure.what()}, LOG_ERR);
	throw;
}

void EventLog::send(const Event &event, int priority) const
{
	const std::vector<std::string> fields = {
		"MESSAGE=" + event.message,	     fmt::format("PRIORITY={}", priority),
		"SYSLOG_IDENTIFIER=dmsnap",	     "DMSNAP_NAME=" + config_.name,
		"DMSNAP_VOLUME=" + config_.volume(), std::string("DMSNAP_ACTION=") + event.action,
		"DMSNAP_OBJECT=" + event.object,
	};
	std::vector<iovec> parts;
	for (const std::string &field : fields)
		parts.push_back({const_cast<char *>(field.data()), field.size()});
	/* A failure is ignored: there may be no journal. */
	sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
}

} // namespace dmsnap::tool
