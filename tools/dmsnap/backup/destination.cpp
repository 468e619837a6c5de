// SPDX-License-Identifier: GPL-2.0-only
#include "backup/destination.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "system/failure.hpp"

namespace dmsnap::tool {
namespace {

/* Quotes @text for a shell, as one word. */
std::string quoted(const std::string &text)
{
	std::string result = "'";
	for (char letter : text)
		result += letter == '\'' ? "'\\''" : std::string(1, letter);
	return result + "'";
}

/* Runs a command on the remote machine in the folder of the backups. */
std::vector<std::string> remote(const Config &config, const std::string &command)
{
	size_t colon = config.backup_ssh.find(':');
	return {"ssh", "--", config.backup_ssh.substr(0, colon),
		fmt::format("cd {} && {}", quoted(config.backup_ssh.substr(colon + 1)), command)};
}

std::string temporary(const std::string &file)
{
	return quoted("." + file + ".part");
}

std::vector<std::string> environment_for(const Config &config, const std::string &file,
					 const char *kind)
{
	return environment_with({"DMSNAP_NAME=" + config.name, "DMSNAP_VOLUME=" + config.volume(),
				 "DMSNAP_FILE=" + file, std::string("DMSNAP_KIND=") + kind});
}

void run_remote(const Config &config, const std::string &command, const std::string &file)
{
	Child child(remote(config, command), environment_with({}), Child::Pipe::none);
	std::string trouble = child.end();
	if (!trouble.empty())
		throw Failure(fmt::format("{}: {}: ssh: {}", config.backup_ssh, file, trouble));
}

std::string local_path(const Config &config, const std::string &file)
{
	return config.backup_directory + "/" + file;
}

} // namespace

std::string destination_text(const Config &config)
{
	if (!config.backup_directory.empty())
		return "directory " + config.backup_directory;
	if (!config.backup_ssh.empty())
		return "ssh " + config.backup_ssh;
	if (!config.backup_command.empty())
		return "command " + config.backup_command;
	throw Failure("none of backup-directory, backup-ssh and backup-command is given");
}

Upload::Upload(const Config &config, const std::string &file, const char *kind)
    : config_(config), file_(file)
{
	if (!config.backup_directory.empty()) {
		new_.emplace(local_path(config, file));
		descriptor_ = new_->take_descriptor();
	} else if (!config.backup_ssh.empty()) {
		child_.emplace(remote(config,
				      fmt::format("cat > {0} && sync {0}", temporary(file))),
			       environment_with({}), Child::Pipe::to);
	} else {
		child_.emplace(std::vector<std::string>{"/bin/sh", "-c", config.backup_command},
			       environment_for(config, file, kind), Child::Pipe::to);
	}
}

Upload::~Upload()
{
	if (descriptor_ >= 0)
		close(descriptor_);
}

void Upload::explain()
{
	std::string trouble = child_ ? child_->end() : "";
	if (!trouble.empty())
		throw Failure(fmt::format("{}: {}", destination_text(config_), trouble));
}

void Upload::end()
{
	if (new_) {
		new_->appear(descriptor_);
		return;
	}
	explain();
	/* Not earlier: the command cannot tell an early end of its input from the real one. */
	if (!config_.backup_ssh.empty())
		run_remote(config_,
			   fmt::format("mv {} {} && sync .", temporary(file_), quoted(file_)),
			   file_);
}

Download::Download(const Config &config, const std::string &file, const char *kind) : file_(file)
{
	if (!config.backup_directory.empty()) {
		std::string path = local_path(config, file);
		descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
		if (descriptor_ < 0)
			throw Failure(fmt::format("{}: cannot be read: {}", path,
						  std::strerror(errno)),
				      errno == ENOENT ? ExitCode::findings : ExitCode::failed);
	} else if (!config.backup_ssh.empty()) {
		child_.emplace(remote(config, "cat " + quoted(file)), environment_with({}),
			       Child::Pipe::from);
	} else if (!config.restore_command.empty()) {
		child_.emplace(std::vector<std::string>{"/bin/sh", "-c", config.restore_command},
			       environment_for(config, file, kind), Child::Pipe::from);
	} else {
		throw Failure("restore-command, which gives back what backup-command was given, is "
			      "not given");
	}
}

Download::~Download()
{
	if (descriptor_ >= 0)
		close(descriptor_);
}

void Download::end()
{
	std::string trouble = child_ ? child_->end() : "";
	if (!trouble.empty())
		throw Failure(fmt::format("{}: reading it back failed: {}", file_, trouble));
}

void remove_file(const Config &config, const std::string &file)
{
	if (!config.backup_directory.empty()) {
		std::string path = local_path(config, file);
		if (unlink(path.c_str()) != 0 && errno != ENOENT)
			throw Failure(fmt::format("{}: cannot be removed: {}", path,
						  std::strerror(errno)));
		remove_parts_of(path);
	} else if (!config.backup_ssh.empty()) {
		run_remote(config, fmt::format("rm -f {} {}", quoted(file), temporary(file)), file);
	}
}

} // namespace dmsnap::tool
