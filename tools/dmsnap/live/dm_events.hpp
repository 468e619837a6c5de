// SPDX-License-Identifier: GPL-2.0-only
/*
 * DmEvents: sleeps until device mapper has an event of any device.
 *
 * A target raises one when its state changes; device mapper raises one when a device is created,
 * removed, renamed or gets another table.  The event number of one device, which "dmsetup wait"
 * uses, does not count new tables; under LVM2 a merge ends with one.
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

	/* Any event from now on ends the wait, even one before the wait begins. */
	void arm();
	/* Returns false if there was no event within this time. */
	bool wait(double seconds);

private:
	int file_;
};

} // namespace dmsnap::tool
