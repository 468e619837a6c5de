// SPDX-License-Identifier: GPL-2.0-only
#include "live/module_file.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <new>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <libkmod.h>
#include <sys/resource.h>
#include <unistd.h>

#include "system/child.hpp"
#include "system/failure.hpp"

namespace dmsnap::tool {
namespace {

using Context = std::unique_ptr<kmod_ctx, decltype(&kmod_unref)>;
using Module = std::unique_ptr<kmod_module, decltype(&kmod_module_unref)>;

struct InfoList {
	kmod_list *list = nullptr;

	explicit InfoList(const kmod_module *module) { kmod_module_get_info(module, &list); }
	~InfoList() { kmod_module_info_free_list(list); }
	InfoList(const InfoList &) = delete;
	InfoList &operator=(const InfoList &) = delete;

	std::string value(std::string_view key) const
	{
		kmod_list *entry;
		kmod_list_foreach(entry, list)
		{
			if (key == kmod_module_info_get_key(entry))
				return kmod_module_info_get_value(entry);
		}
		return {};
	}
};

Module look_up(kmod_ctx *context, const char *name)
{
	kmod_list *found = nullptr;
	kmod_module *module = nullptr;
	if (kmod_module_new_from_lookup(context, name, &found) >= 0 && found)
		module = kmod_module_get_module(found);
	kmod_module_unref_list(found);
	return {module, kmod_module_unref};
}

std::optional<ModuleFile> look_in(const std::string &modules, const char *name)
{
	/* modprobe's configuration could name another module. */
	const char *no_configuration = nullptr;
	Context context(kmod_new(modules.c_str(), &no_configuration), kmod_unref);
	if (!context)
		throw std::bad_alloc();
	Module module = look_up(context.get(), name);
	const char *path = module ? kmod_module_get_path(module.get()) : nullptr;
	if (!path)
		return {};
	InfoList info(module.get());
	ModuleFile file{
		.path = path,
		.ours = info.value("intree").empty() && !info.value("version").empty(),
		.version = info.value("version"),
		.release = info.value("vermagic"),
		.signer = info.value("signer"),
	};
	file.release.resize(std::min(file.release.find(' '), file.release.size()));
	if (file.signer.empty() && !info.value("sig_id").empty())
		file.signer = "unknown";
	return file;
}

/* Zero-terminated strings; empty if there is no module. */
std::string to_bytes(const std::optional<ModuleFile> &file)
{
	std::string bytes;
	if (!file)
		return bytes;
	for (const std::string &text : {file->path, std::string(file->ours ? "ours" : ""),
					file->version, file->release, file->signer})
		bytes += text + '\0';
	return bytes;
}

std::optional<ModuleFile> from_bytes(const std::string &bytes)
{
	if (bytes.empty())
		return {};
	std::istringstream stream(bytes);
	ModuleFile file;
	std::string ours;
	for (std::string *text : {&file.path, &ours, &file.version, &file.release, &file.signer})
		std::getline(stream, *text, '\0');
	file.ours = !ours.empty();
	return file;
}

/* Does not return: libkmod may hang on a bad index, or crash. */
[[noreturn]] void look_and_end(const std::string &modules, const char *name, int output)
{
	constexpr unsigned int seconds_max = 10;
	constexpr rlimit no_dump = {0, 0};

	setrlimit(RLIMIT_CORE, &no_dump);
	/* The caller may have ignored or blocked the signal. */
	sigset_t alarms;
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	std::signal(SIGALRM, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &alarms, nullptr);
	alarm(seconds_max);
	try {
		std::string bytes = to_bytes(look_in(modules, name));
		if (write(output, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()))
			_exit(0);
	} catch (const std::exception &) {
	}
	_exit(1);
}

} // namespace

std::optional<ModuleFile> find_module(const std::string &modules, const char *name)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) != 0)
		throw Failure(fmt::format("no pipe: {}", std::strerror(errno)));
	pid_t child = fork();
	if (child < 0)
		throw Failure(fmt::format("no process: {}", std::strerror(errno)));
	if (child == 0)
		look_and_end(modules, name, ends[1]);
	close(ends[1]);

	std::string bytes;
	char piece[4096];
	ssize_t got;
	while ((got = read(ends[0], piece, sizeof(piece))) > 0 || (got < 0 && errno == EINTR))
		bytes.append(piece, got > 0 ? static_cast<size_t>(got) : 0);
	close(ends[0]);
	if (status_of_ended(child) != 0)
		throw Failure(fmt::format("{}: libkmod cannot read what depmod made there. "
					  "Run: depmod",
					  modules));
	return from_bytes(bytes);
}

} // namespace dmsnap::tool
