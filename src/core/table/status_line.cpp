// SPDX-License-Identifier: GPL-2.0-only
/* Status, table and measurement lines: see status_line.hpp. */
#include "table/status_line.hpp"

#include <dmsnap/port/log.h>

namespace dmsnap {

namespace {

const char *type_word(const StoreArgs &store)
{
	if (store.type == StoreType::transient)
		return "N";
	return store.overflow ? "PO" : "P";
}

constexpr char yes_or_no(bool value)
{
	return value ? 'y' : 'n';
}

} // namespace

size_t format_status(std::span<char> buffer, const SnapshotState &state, const StoreUsage &usage)
{
	const char *trouble = nullptr;

	if (!state.valid)
		trouble = "Invalid";
	else if (state.merge_failed)
		trouble = "Merge failed";
	else if (state.overflowed)
		trouble = "Overflow";

	if (trouble)
		return dmsnap_port_format(buffer.data(), buffer.size(), "%s", trouble);
	return dmsnap_port_format(buffer.data(), buffer.size(), "%llu/%llu %llu",
				  static_cast<unsigned long long>(usage.allocated_sectors),
				  static_cast<unsigned long long>(usage.total_sectors),
				  static_cast<unsigned long long>(usage.metadata_sectors));
}

size_t format_table(std::span<char> buffer, const DeviceNames &devices, const StoreArgs &store,
		    const Features &features)
{
	unsigned int count = features.discard_zeroes_cow + features.discard_passdown_origin +
			     features.stall_on_full + features.no_stall_on_full;
	size_t length = dmsnap_port_format(buffer.data(), buffer.size(), "%s %s %s %u",
					   devices.origin, devices.cow, type_word(store),
					   store.chunk_sectors);
	if (count == 0)
		return length;
	return length + dmsnap_port_format(
				buffer.data() + length, buffer.size() - length, " %u%s%s%s%s",
				count, features.discard_zeroes_cow ? " discard_zeroes_cow" : "",
				features.discard_passdown_origin ? " discard_passdown_origin" : "",
				features.stall_on_full ? " stall_on_full" : "",
				features.no_stall_on_full ? " no_stall_on_full" : "");
}

size_t format_measurement(std::span<char> buffer, const char *target, const char *version,
			  const DeviceNames &devices, const SnapshotState &state)
{
	return dmsnap_port_format(
		buffer.data(), buffer.size(),
		"target_name=%s,target_version=%s,snap_origin_name=%s,snap_cow_name=%s"
		",snap_valid=%c,snap_merge_failed=%c,snapshot_overflowed=%c;",
		target, version, devices.origin, devices.cow, yes_or_no(state.valid),
		yes_or_no(state.merge_failed), yes_or_no(state.overflowed));
}

} // namespace dmsnap
