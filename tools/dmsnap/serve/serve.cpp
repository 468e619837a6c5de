// SPDX-License-Identifier: GPL-2.0-only
/* dmsnap serve: a snapshot as a read-only network block device, through nbdkit and its plugin. */
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "serve/serve.hpp"
#include "serve/snapshot_view.hpp"
#include "system/device_name.hpp"
#include "system/volume.hpp"

namespace dmsnap::tool {
namespace {

namespace fs = std::filesystem;

/* nbdkit takes relative names as relative to its working directory. */
std::string absolute(const std::string &name)
{
	return fs::absolute(path_of(name));
}

/* In the build folder it is beside the program; nbdkit finds an installed one. */
std::string plugin_name()
{
	std::error_code ignored;
	fs::path built = fs::read_symlink("/proc/self/exe", ignored).parent_path() /
			 "nbdkit-dmsnap-plugin.so";
	return fs::exists(built, ignored) ? built.string() : "dmsnap";
}

void require_free(const std::string &socket)
{
	if (socket.size() >= sizeof(sockaddr_un::sun_path))
		throw Failure(fmt::format("{}: is too long for a socket: {} bytes at most", socket,
					  sizeof(sockaddr_un::sun_path) - 1));
	if (!is_there(socket))
		return;
	/* nbdkit leaves its socket behind; then it has no listener. */
	sockaddr_un address = {};
	address.sun_family = AF_UNIX;
	socket.copy(address.sun_path, socket.size());
	int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_left = probe >= 0 &&
		       connect(probe, reinterpret_cast<sockaddr *>(&address), sizeof(address)) !=
			       0 &&
		       errno == ECONNREFUSED && fs::is_socket(socket);
	close(probe);
	if (!is_left || unlink(socket.c_str()) != 0)
		throw Failure(socket + ": is there already");
}

} // namespace

ExitCode serve(const ServeOptions &options)
{
	const std::string socket = fs::absolute(options.socket);
	require_free(socket);
	/* Reports errors here, with the program's exit codes. */
	SnapshotView(options.store).bytes();
	std::vector<std::string> words = {"nbdkit",
					  "--foreground",
					  "--readonly",
					  "--unix",
					  socket,
					  plugin_name(),
					  "store=" + absolute(options.store.store),
					  "origin=" + absolute(options.store.origin)};
	std::vector<char *> arguments;
	for (std::string &word : words)
		arguments.push_back(word.data());
	arguments.push_back(nullptr);
	std::fflush(stdout);
	execvp(arguments[0], arguments.data());
	throw Failure(fmt::format("nbdkit cannot be run: {}. On Debian: apt install nbdkit",
				  std::strerror(errno)));
}

} // namespace dmsnap::tool
