// SPDX-License-Identifier: GPL-2.0-only
#include "live/live_store.hpp"

#include <cstdio>
#include <fstream>

#include <fmt/format.h>

#include "store/committed_list.hpp"
#include "store/store_source.hpp"
#include "system/failure.hpp"

namespace dmsnap::tool {
namespace {

/* The node with the kernel's name, which exists without udev too. */
std::string node_of(DeviceNumber device)
{
	std::ifstream file(fmt::format("/sys/dev/block/{}/uevent", to_text(device)));
	constexpr std::string_view key = "DEVNAME=";
	for (std::string line; std::getline(file, line);) {
		if (line.starts_with(key))
			return "/dev/" + line.substr(key.size());
	}
	throw Failure(fmt::format("there is no device {} any more", to_text(device)));
}

/* Checks that do not involve the driver. */
const LiveSnapshot &require_usable(const LiveSnapshot &snapshot)
{
	if (snapshot.is_merge)
		throw Failure(
			fmt::format("{}: live: a snapshot is being merged into it", snapshot.name));
	if (snapshot.is_bad())
		throw Failure(fmt::format("{}: the snapshot is {}: it does not know all that "
					  "changed",
					  snapshot.name, to_text(snapshot.state)),
			      ExitCode::findings);
	if (snapshot.store == "N")
		throw Failure(fmt::format("{}: live, and its store is transient (N): there is no "
					  "list on its COW device",
					  snapshot.name));
	return snapshot;
}

uint64_t commit(DeviceMapper &machine, const LiveSnapshot &snapshot)
{
	std::optional<std::string> answer = machine.send_message(snapshot.device, "commit");
	unsigned long long entries = 0;
	if (answer && std::sscanf(answer->c_str(), "committed %llu", &entries) == 1)
		return entries;
	throw Failure(fmt::format("{}: live, and its driver does not commit when it is told to: it "
				  "is not dmsnap's, or too old, or writing failed. Deactivate it "
				  "(umount, lvchange -an, dmsetup remove) and name its COW device",
				  snapshot.name));
}

} // namespace

LiveStore::LiveStore(DeviceMapper &machine, const LiveSnapshot &snapshot)
    : machine_(machine), snapshot_(require_usable(snapshot)),
      cow_(Volume::share(node_of(snapshot.cow))),
      bytes_(Volume::share(node_of(snapshot.device)).bytes()), entries_(commit(machine, snapshot))
{
}

StoreReport LiveStore::walk(StoreVisitor &visitor, size_t memory_bytes)
{
	CommittedList list(cow_, ChunkSize(static_cast<uint32_t>(snapshot_.chunk_sectors)),
			   entries_);
	ReadOptions options;
	options.memory_bytes = memory_bytes;
	options.blocks.cow_sectors = cow_.block_sectors();
	options.origin_bytes = bytes_;
	StoreReader reader(list, options);
	StoreReport report = reader.read(visitor);
	require_unchanged();
	return report;
}

StoreReport LiveStore::read(StoreVisitor &visitor, size_t memory_bytes)
{
	StoreReport report = walk(visitor, memory_bytes);
	require_good(report, cow_);
	if (report.chunk_sectors != snapshot_.chunk_sectors || report.entries != entries_)
		throw Failure(fmt::format("{}: {} entries of {} sectors are on its list, not {} of "
					  "{}: its table was replaced meanwhile; try again",
					  snapshot_.name, report.entries, report.chunk_sectors,
					  entries_, snapshot_.chunk_sectors));
	return report;
}

/* A snapshot that has become invalid may lack later changes of its origin. */
void LiveStore::require_unchanged()
{
	std::optional<LiveSnapshot> now = machine_.snapshot(snapshot_.device);
	if (!now || now->cow != snapshot_.cow || now->origin != snapshot_.origin)
		throw Failure(fmt::format("{}: was removed or replaced meanwhile", snapshot_.name));
	require_usable(*now);
}

} // namespace dmsnap::tool
