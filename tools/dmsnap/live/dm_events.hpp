// SPDX-License-Identifier: GPL-2.0-only
/*
 * DmEvents: sleeps until device mapper has an event, of any device.
 *
 * A target raises one when its state changes; device mapper raises one
 * when a device is created, removed, renamed or gets another table.  The event
 * number of one device, which "dmsetup wait" waits for, does not count new tables,
 * with which the end of a merge shows itself under LVM2.
 *
 *	DmEvents events;
 *	do
 *		events.arm();
 *	while (!what_is_waited_for() && events.wait(seconds));
 */
#pragma once

namespace dmsnap::tool {

class DmEvents {
public:
	DmEvents();
	~DmEvents();
	DmEvents(const DmEvents &) = delete;
	DmEvents &operator=(const DmEvents &) = delete;

	/* From here on, any event ends the wait, even one that occurs before it begins. */
	void arm();
	/* False: there was no event within this time. */
	bool wait(double seconds);

private:
	int file_;
};

} // namespace dmsnap::tool
