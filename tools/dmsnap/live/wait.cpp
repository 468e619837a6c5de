// SPDX-License-Identifier: GPL-2.0-only
/* dmsnap wait: waits until a snapshot is merged, invalid, or full to some percentage. */
#include <algorithm>
#include <chrono>
#include <limits>

#include <fmt/format.h>

#include "cli/commands.hpp"
#include "live/device_mapper.hpp"
#include "live/dm_events.hpp"
#include "live/live_json.hpp"
#include "live/wait_for.hpp"

namespace dmsnap::tool {
namespace {

/* The interval at which a merge is polled whose driver raises no event when it ends. */
constexpr double look_again_seconds = 5;

class Clock {
public:
	double seconds() const
	{
		return std::chrono::duration<double>(std::chrono::steady_clock::now() - begun_)
			.count();
	}

private:
	std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

WaitFor wanted_of(const WaitOptions &options)
{
	if (options.merged + options.invalid + options.fill_percent.has_value() != 1)
		throw Failure("give one of --merged, --fill and --invalid");
	if (options.or_none && !options.merged)
		throw Failure("--or-none is for --merged");
	if (options.merged)
		return {WaitFor::What::merged};
	if (options.invalid)
		return {WaitFor::What::invalid};
	if (*options.fill_percent < 1 || *options.fill_percent > 100)
		throw Failure("--fill is from 1 to 100");
	return {WaitFor::What::fill, *options.fill_percent};
}

/* There is an event only for the low-water mark, so set it first. */
void set_mark(DeviceMapper &machine, DeviceNumber device, const WaitOptions &options)
{
	if (!machine.send_message(device, fmt::format("low_water {}", *options.fill_percent)))
		throw Failure(fmt::format("the driver of {} has no event for a fill level: it is "
					  "not dmsnap's, or too old",
					  options.name));
}

DeviceLook look_at(DeviceMapper &machine, DeviceNumber device)
{
	DeviceLook look;
	look.snapshot = machine.snapshot(device);
	if (!look.snapshot)
		look.target = machine.target_of(device);
	return look;
}

ExitCode tell(const WaitOptions &options, const char *result, const std::string &why,
	      const DeviceLook &look, ExitCode code)
{
	if (options.json)
		fmt::print("{}\n", wait_json(options.name, result, why, look.snapshot));
	else
		fmt::print("{} {}\n", options.name, why);
	return code;
}

} // namespace

ExitCode wait(const WaitOptions &options)
{
	const double never = std::numeric_limits<double>::infinity();
	WaitFor wanted = wanted_of(options);
	Clock clock;
	DeviceMapper machine;
	DmEvents events;
	/* Use the number from here on, because the device may be renamed. */
	DeviceNumber device = machine.find(options.name);
	bool looks_again = options.merged && !driver_is_dmsnaps();
	std::optional<DeviceNumber> cow;

	for (bool first = true;; first = false) {
		/* Before the look, so that later events end the sleep. */
		events.arm();
		DeviceLook look = look_at(machine, device);
		if (first && options.merged && !look.snapshot)
			look.is_to_be_merged = machine.is_to_be_merged(device);
		WaitVerdict verdict = judge(wanted, look, cow);
		if (verdict.result == WaitResult::reached)
			return tell(options, "reached", verdict.why, look, ExitCode::fine);
		if (verdict.result == WaitResult::nothing)
			return tell(options, "nothing", verdict.why, look,
				    options.or_none ? ExitCode::fine : ExitCode::nothing);
		if (verdict.result == WaitResult::postponed)
			return tell(options, "postponed", verdict.why, look, ExitCode::postponed);
		if (verdict.result == WaitResult::mistaken)
			throw Failure(fmt::format("{} {}", options.name, verdict.why));
		if (verdict.result == WaitResult::failed)
			return tell(options, "failed", verdict.why, look, ExitCode::findings);
		cow = look.snapshot->cow;
		if (first && options.fill_percent) {
			set_mark(machine, device, options);
			/* The level may have been reached before the mark was set. */
			continue;
		}
		double left = options.timeout_seconds.value_or(never) - clock.seconds();
		if (left <= 0)
			return tell(options, "timeout",
				    fmt::format("is still {}, after {:.0f} s",
						to_text(look.snapshot->state), clock.seconds()),
				    look, ExitCode::timed_out);
		events.wait(looks_again ? std::min(left, look_again_seconds) : left);
	}
}

} // namespace dmsnap::tool
