// SPDX-License-Identifier: GPL-2.0-only
/* dmsnap backup's operations on existing backups. */
#pragma once

#include "backup/backup_state.hpp"
#include "backup/event_log.hpp"
#include "backup/schedule.hpp"

namespace dmsnap::tool {

ExitCode list_backups(const Config &config, const BackupState &state, bool json);
ExitCode verify_backups(const Config &config, const BackupState &state, bool json);
ExitCode restore_backup(const Config &config, const BackupState &state,
			const BackupOptions &options, const EventLog &log);

} // namespace dmsnap::tool
