// SPDX-License-Identifier: GPL-2.0-only
/* Machine: tables that the driver must refuse, and handovers in the wrong order. */
#include <algorithm>

#include "sim/machine.hpp"
#include "sim/sizes.hpp"
#include "user/failure.hpp"
#include "user/memory.hpp"

namespace dmsnap::sim {

using user::Memory;
using user::Random;
using user::TargetType;

void Machine::load_badly(Random &random, const SnapHandle &snap)
{
	uint64_t way = random.below(5);
	uint64_t n = random.below(40);
	note("load a bad table of", snap);
	change("bad table", false, snap, [this, snap, way, n] {
		user::Mapped &mapped = *snap->mapped;
		Memory &memory = Memory::instance();
		std::string words = snap->words(snap->chunk);
		Excuse excuse(*this, snap);
		auto load = [&] { return mapped.load(TargetType::snapshot, snap->sectors, words); };
		switch (way) {
		case 0:
			words = snap->words(3);
			require(load() != 0, "chunks of 3 sectors are refused");
			break;
		case 1:
			words = "disk nowhere P 8";
			require(load() != 0, "a COW device that is not there is refused");
			break;
		case 2:
			memory.fail_construct_at(n);
			load();
			memory.fail_construct_at(UINT64_MAX);
			break;
		case 3: {
			auto third = new_mapped();
			int error = load();
			require(!error || excuse.holds(),
				"loading " + snap->name() + ": " + mapped.error_text());
			if (!error && !power_lost_)
				require(third->load(TargetType::snapshot, snap->sectors, words) !=
						0,
					"a third table over " + snap->name() + " is refused");
			sleep_for(n * 10'000);
			third->remove();
			break;
		}
		default: {
			int error = load();
			require(!error || excuse.holds(),
				"loading " + snap->name() + ": " + mapped.error_text());
			sleep_for(n * 10'000);
		}
		}
		mapped.clear();
	});
}

/*
 * The other device is resumed while the source is active, which is refused.  Then
 *   0  the other device is removed, and the source continues;
 *   1  the source is suspended, and the other device is resumed;
 *   2  the same, but the source is resumed first, which is refused;
 *   3  the source is removed, and the other device gets no store.
 */
void Machine::hand_over_badly(Random &random, const SnapHandle &snap)
{
	/* Requests that wait for the source would fail when it is removed. */
	if (!quiesce())
		return;
	uint64_t way = random.below(4), ns = random.below(200'000);
	note("hand over in the wrong order", snap);
	snap->away = true;
	if (way == 3) {
		std::erase(snaps_, snap);
		snap->may_fail = true;
	}
	change("bad handover", false, snap, [this, snap, way, ns] {
		Excuse excuse(*this, snap);
		auto other = new_mapped();
		user::Mapped &source = *snap->mapped;
		int error =
			other->load(TargetType::snapshot, snap->sectors, snap->words(snap->chunk));
		require(!error || excuse.holds(),
			"loading another table over " + snap->name() + ": " + other->error_text());
		if (error) {
			snap->away = false;
			return;
		}
		require(other->resume() != 0 || power_lost_,
			"a store is taken over from " + snap->name() + ", which is active");
		sleep_for(ns);
		if (way == 1 || way == 2) {
			source.suspend();
			if (way == 2)
				require(source.resume() != 0 || power_lost_,
					snap->name() +
						" is resumed although its store is to be handed over");
			error = other->resume();
			require(!error || excuse.holds(), "taking " + snap->name() + " over");
			require(source.resume() == 0 || excuse.holds(),
				"resuming the source of " + snap->name());
			std::swap(snap->mapped, other);
		} else if (way == 3) {
			source.remove();
			error = other->resume();
			require(!error || excuse.holds(), "resuming what lost its source");
			require(other->status() == "Invalid" || power_lost_,
				"a snapshot without a source says " + other->status());
		}
		other->remove();
		snap->away = false;
	});
}

} // namespace dmsnap::sim
