// SPDX-License-Identifier: GPL-2.0-only
#include "module_file.hpp"

#include <memory>

#include <libkmod.h>

#include "failure.hpp"

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

} // namespace

std::optional<ModuleFile> find_module(const std::string &modules, const char *name)
{
	/* What an administrator configured for modprobe may name another module. */
	const char *no_configuration = nullptr;
	Context context(kmod_new(modules.c_str(), &no_configuration), kmod_unref);
	if (!context)
		throw Failure("not enough memory");
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

} // namespace dmsnap::tool
