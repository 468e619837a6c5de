// SPDX-License-Identifier: GPL-2.0-only
#include "store/cow_limit.hpp"

#include <dmsnap/port/log.h>

namespace dmsnap {

void CowLimit::tell(dmsnap_device *cow)
{
	if (told_ || !reached_by(dmsnap_port_device_sectors(cow)))
		return;
	told_ = true;
	char name[DMSNAP_DEVICE_NAME_BYTES];
	dmsnap_port_device_name(cow, name);
	dmsnap_port_log(
		DMSNAP_LOG_WARNING,
		"snapshot with COW device %s: it has grown beyond %llu chunks, the rest is used after the snapshot has been deactivated and activated",
		name, static_cast<unsigned long long>(end_.value));
}

} // namespace dmsnap
