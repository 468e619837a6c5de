// SPDX-License-Identifier: GPL-2.0-only
/* dmsnap doctor: is the driver installed and loaded, and if not, what should be done? */
#include <fstream>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "cli/json_output.hpp"
#include "cli/printable.hpp"
#include "live/device_mapper.hpp"
#include "live/installation.hpp"
#include "system/failure.hpp"

namespace dmsnap::tool {
namespace {

std::string loaded_text(const Installation &now)
{
	if (!now.running)
		return "another kernel runs";
	if (!now.loaded)
		return "no; it is loaded when the first snapshot is activated";
	return fmt::format("{}, {}",
			   now.loaded->ours ? "this driver, version " + now.loaded->version
					    : "the kernel's own dm_snapshot",
			   now.loaded->users ? "in use" : "not in use");
}

std::string file_text(const Installation &now)
{
	if (!now.file)
		return "none";
	if (!now.file->ours)
		return now.file->path + ", the kernel's own";
	return fmt::format("{}, this driver, version {}, {}", now.file->path, now.file->version,
			   now.file->signer.empty() ? "not signed"
						    : "signed by " + now.file->signer);
}

std::string building_text(const Installation &now)
{
	if (now.dkms_source.empty())
		return "no source for DKMS";
	return fmt::format("{}, DKMS {}, headers {}, {} {}", now.dkms_source,
			   now.has_dkms ? "there" : "missing",
			   now.has_headers ? "there" : "missing",
			   now.compiler.empty() ? "compiler" : now.compiler,
			   now.compiler.empty() ? "unknown"
			   : now.has_compiler	? "there"
						: "missing");
}

const char *secure_boot_text(const Installation &now)
{
	if (!now.secure_boot)
		return "cannot be told";
	return *now.secure_boot ? "on" : "off";
}

const char *tested_text(const Installation &now)
{
	return now.tested ? "" : "; the driver was not tested on this kernel";
}

void print_text(const Installation &now, const std::vector<Advice> &todo)
{
	fmt::print("kernel       {}{}\n"
		   "loaded       {}\n"
		   "modprobe     {}\n"
		   "to build it  {}\n"
		   "Secure Boot  {}{}\n",
		   printable(now.release), tested_text(now), printable(loaded_text(now)),
		   printable(file_text(now)), printable(building_text(now)), secure_boot_text(now),
		   now.signatures_enforced ? "; only signed modules are loaded" : "");
	if (todo.empty())
		fmt::print("\nAll is well.\n");
	else
		fmt::print("\nTo do:\n");
	for (const Advice &advice : todo)
		fmt::print("- {}.\n", printable(advice.text));
}

JsonValue word(const std::string &text)
{
	return text.empty() ? JsonValue(nullptr) : JsonValue(text);
}

void print_json(const Installation &now, const std::vector<Advice> &todo)
{
	JsonOutput json(stdout);
	json.member("kernel", now.release);
	json.member("tested", now.tested);
	json.member("running", now.running);
	if (now.loaded)
		json.object("loaded", {{"ours", now.loaded->ours},
				       {"version", word(now.loaded->version)},
				       {"users", now.loaded->users}});
	else
		json.member("loaded", nullptr);
	if (now.file)
		json.object("file", {{"path", now.file->path},
				     {"ours", now.file->ours},
				     {"version", word(now.file->version)},
				     {"kernel", word(now.file->release)},
				     {"signer", word(now.file->signer)}});
	else
		json.member("file", nullptr);
	json.members({{"dkms_source", word(now.dkms_source)},
		      {"has_dkms", now.has_dkms},
		      {"has_headers", now.has_headers},
		      {"compiler", word(now.compiler)},
		      {"has_compiler", now.has_compiler},
		      {"has_dmsetup", now.has_dmsetup},
		      {"secure_boot", now.secure_boot ? JsonValue(*now.secure_boot) : nullptr},
		      {"signatures_enforced", now.signatures_enforced}});
	json.begin_list("todo");
	for (const Advice &advice : todo)
		json.item({{"what", std::string(advice.name)}, {"text", advice.text}});
	json.end();
	json.finish();
}

/* In bytes; for a partition, that of its disk; 0: unknown. */
unsigned long block_size(DeviceNumber device)
{
	unsigned long bytes = 0;
	for (const char *queue : {"queue", "../queue"}) {
		std::ifstream file(fmt::format("/sys/dev/block/{}/{}/logical_block_size",
					       to_text(device), queue));
		if (file >> bytes)
			break;
	}
	return bytes;
}

/* For this system; empty without access to device mapper. */
std::vector<LargeBlocks> look_at_blocks()
try {
	std::vector<LargeBlocks> found;
	DeviceMapper machine;
	for (const LiveSnapshot &snapshot : machine.snapshots()) {
		unsigned long cow = block_size(snapshot.cow);
		unsigned long origin = block_size(snapshot.origin);
		if (origin && cow > origin)
			found.push_back({snapshot.name, cow, origin});
	}
	return found;
} catch (const Failure &) {
	return {};
}

} // namespace

ExitCode doctor(const DoctorOptions &options)
{
	Installation now = look_at_installation(options.root, options.release);
	if (options.root == "/" && now.running && now.loaded)
		now.large_blocks = look_at_blocks();
	std::vector<Advice> todo = advise(now);
	if (options.json)
		print_json(now, todo);
	else
		print_text(now, todo);
	return todo.empty() ? ExitCode::fine : ExitCode::findings;
}

} // namespace dmsnap::tool
