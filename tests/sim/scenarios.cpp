// SPDX-License-Identifier: GPL-2.0-only
#include "sim/scenarios.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>

#include "sim/scenario_rig.hpp"
#include "user/failure.hpp"
#include "user/memory.hpp"

namespace dmsnap::sim {
namespace {

using user::Op;

/* --- Isolation: the COW device of s0 hangs, and I/O of s0 waits for it. --- */

struct Situation {
	const char *name;
	void (*begin)(Rig &rig);
};

/* Begins more copies than the pages allow that one device may have. */
void fill_share(Rig &rig)
{
	constexpr uint64_t length = 256 * chunk;

	rig.cow0.hang();
	for (uint64_t at = length; at < disk_sectors; at += length)
		rig.origin.start_write(at, stamped(3, at, length));
	rig.world.run_for(5'000'000'000);
}

constexpr Situation situations[] = {
	{"nothing waits", [](Rig &rig) { rig.cow0.hang(); }},
	{"a copy waits",
	 [](Rig &rig) {
		 rig.cow0.hang();
		 rig.origin.start_write(100 * chunk, stamped(3, 100 * chunk, chunk));
	 }},
	{"a commit waits",
	 [](Rig &rig) {
		 rig.s0.write(50 * chunk, stamped(3, 50 * chunk, chunk));
		 rig.cow0.hang();
		 rig.s0.start_flush();
	 }},
	{"a read waits",
	 [](Rig &rig) {
		 rig.cow0.hang();
		 rig.s0.start_read(0, chunk);
	 }},
	{"no tag is left",
	 [](Rig &rig) {
		 rig.cow0.limit_tags(1);
		 rig.cow0.hang();
		 /* The first write has the tag; the worker sleeps for the second. */
		 for (uint64_t at : {100, 102}) {
			 rig.origin.start_write(at * chunk, stamped(3, at * chunk, chunk));
			 rig.world.run_for(1'000'000);
		 }
	 }},
	{"no tag is left for a partial write",
	 [](Rig &rig) {
		 rig.cow0.limit_tags(1);
		 rig.cow0.hang();
		 /* The bio has the tag, so the copies beside it get none. */
		 rig.s0.start_write(30 * chunk, stamped(3, 30 * chunk, 1));
		 rig.world.run_for(1'000'000);
	 }},
	{"its share of the pages is full", fill_share},
	{"it was removed while its share was full",
	 [](Rig &rig) {
		 fill_share(rig);
		 rig.world.spawn("removal", [&rig] { rig.s0.remove(); });
		 rig.world.run_for(1'000'000'000);
		 rig.world.kill("removal");
	 }},
};

struct Act {
	const char *name;
	void (*body)(Rig &rig);
	/* How many random orders of concurrent work to try; 0: one run in FIFO order. */
	uint64_t orders = 0;
};

constexpr Act acts[] = {
	{"origin write of a chunk that all have",
	 [](Rig &rig) { Rig::require(!rig.origin.write(0, stamped(4, 0, chunk)), "written"); }},
	{"origin read", [](Rig &rig) { rig.origin.read(100 * chunk, chunk); }},
	{"origin flush", [](Rig &rig) { Rig::require(!rig.origin.flush(), "flushed"); }},
	{"read of another snapshot", [](Rig &rig) { rig.s1.read(0, 32 * chunk); }},
	{"write to another snapshot",
	 [](Rig &rig) {
		 Rig::require(!rig.s1.write(20 * chunk, stamped(4, 20 * chunk, chunk)), "written");
	 }},
	{"partial write to another snapshot",
	 [](Rig &rig) {
		 Rig::require(!rig.s1.write(20 * chunk, stamped(4, 20 * chunk, 1)), "written");
	 }},
	{"write and flush of another snapshot",
	 [](Rig &rig) {
		 rig.s1.write(20 * chunk, stamped(4, 20 * chunk, chunk));
		 Rig::require(!rig.s1.flush(), "flushed");
	 }},
	{"write to another origin",
	 [](Rig &rig) {
		 Rig::require(!rig.origin2.write(100 * chunk, stamped(4, 100 * chunk, chunk)),
			      "written");
	 }},
	{"status of all",
	 [](Rig &rig) {
		 for (Mapped *mapped : {&rig.origin, &rig.origin2, &rig.s0, &rig.s1, &rig.t0}) {
			 mapped->status();
			 mapped->table();
		 }
	 }},
	{"statistics of all",
	 [](Rig &rig) {
		 for (Mapped *mapped : {&rig.s0, &rig.s1, &rig.t0})
			 Rig::require(!mapped->live() || !mapped->message({"stats"}), "answered");
	 }},
	{"message commit to another",
	 [](Rig &rig) { Rig::require(!rig.s1.message({"commit"}), "committed"); }},
	{"suspend and resume of another",
	 [](Rig &rig) {
		 rig.s1.suspend();
		 Rig::require(!rig.s1.resume(), "resumed");
	 }},
	{"suspend of another with a lazy write",
	 [](Rig &rig) {
		 rig.s1.write(20 * chunk, stamped(4, 20 * chunk, chunk));
		 rig.s1.suspend();
		 Rig::require(!rig.s1.resume(), "resumed");
	 }},
	{"handover of another",
	 [](Rig &rig) { Rig::create(rig.s1, TargetType::snapshot, "disk cow1 P 8"); }},
	{"handover of another origin's",
	 [](Rig &rig) { Rig::create(rig.t0, TargetType::snapshot, "disk2 cow2 P 8"); }},
	{"handover of another, and status of all meanwhile",
	 [](Rig &rig) {
		 rig.world.spawn("handover", [&rig] {
			 rig.s1.create(TargetType::snapshot, disk_sectors, "disk cow1 P 8");
		 });
		 rig.pause(1'000'000'000);
		 rig.t0.status();
	 }},
	{"remove of another", [](Rig &rig) { rig.s1.remove(); }},
	{"remove of another origin's", [](Rig &rig) { rig.t0.remove(); }},
	{"a new snapshot",
	 [](Rig &rig) { Rig::create(rig.more, TargetType::snapshot, "disk cow3 P 8"); }},
	{"a new snapshot of another origin",
	 [](Rig &rig) { Rig::create(rig.more, TargetType::snapshot, "disk2 cow3 P 8"); }},
	{"suspend and resume of another origin",
	 [](Rig &rig) {
		 rig.origin2.suspend();
		 Rig::require(!rig.origin2.resume(), "resumed");
	 }},
	{"a merge of another origin's",
	 [](Rig &rig) {
		 rig.origin2.suspend();
		 rig.t0.suspend();
		 Rig::create(rig.origin2, TargetType::merge, "disk2 cow2 P 8");
		 rig.t0.remove();
	 }},
};

/* --- Faults that were found, one scenario each. --- */

constexpr Act others[] = {
	{"teardown: a handover while the next area is being zeroed",
	 [](Rig &rig) {
		 /* The next area is zeroed when this one, of 256 exceptions, is half full. */
		 rig.cow0.hold(Op::zero);
		 for (uint64_t at = 4; !rig.cow0.held(); at++) {
			 Rig::require(at < 256, "the next area is being zeroed");
			 rig.s0.write(at * chunk, stamped(3, at * chunk, chunk), true);
		 }
		 bool released = false;
		 rig.world.complete_at(rig.world.now_ns() + 1'000'000'000, [&] {
			 released = true;
			 rig.cow0.release();
		 });
		 Rig::create(rig.s0, TargetType::snapshot, "disk cow0 P 8");
		 Rig::require(released, "the handover waits for the zeros");
	 }},
	{"vanished origin: a write that needs a copy",
	 [](Rig &rig) {
		 rig.disk.vanish();
		 Rig::require(rig.origin.write(100 * chunk, stamped(3, 100 * chunk, chunk)) != 0,
			      "it fails");
		 Rig::require(rig.s0.status() == "Invalid", "a failed copy invalidates it");
	 }},
	{"shorter origin: a write behind its new end",
	 [](Rig &rig) {
		 rig.disk.resize(90 * chunk);
		 Rig::require(rig.origin.write(100 * chunk, stamped(3, 100 * chunk, chunk)) != 0,
			      "it fails");
	 }},
	{"shorter origin: a write over its new end",
	 [](Rig &rig) {
		 rig.disk.resize(100 * chunk + 4);
		 Rig::require(rig.origin.write(100 * chunk, stamped(3, 100 * chunk, chunk)) != 0,
			      "it fails");
	 }},
	{"vanished COW device: a write that needs a copy",
	 [](Rig &rig) {
		 rig.cow0.vanish();
		 Rig::require(!rig.origin.write(100 * chunk, stamped(3, 100 * chunk, chunk)),
			      "the origin write succeeds");
		 Rig::require(rig.s0.status() == "Invalid", "a failed copy invalidates it");
		 Rig::require(rig.s1.status() != "Invalid", "the other snapshot has the chunk");
	 }},
	{"vanished COW device: a stall without a timeout",
	 [](Rig &rig) {
		 rig.world.no_space_timeout = 0;
		 Rig::require(!rig.s0.message({"stall", "on"}), "it stalls when it is full");
		 rig.cow0.vanish();
		 Rig::require(!rig.origin.write(100 * chunk, stamped(3, 100 * chunk, chunk)),
			      "the origin write succeeds");
	 }},
	{"a flush after an acknowledged write was lost",
	 [](Rig &rig) {
		 Rig::require(!rig.s0.write(20 * chunk, stamped(3, 20 * chunk, chunk)),
			      "acknowledged");
		 rig.cow0.fail_nth(Op::write, 1);
		 Rig::require(!!rig.s0.message({"commit"}), "the commit fails");
		 Rig::require(rig.s0.flush() != 0, "the flush fails");
	 }},
	{"memory was short while a COW device hangs",
	 [](Rig &rig) {
		 user::Memory &memory = user::Memory::instance();
		 rig.cow0.hang();
		 memory.fail_nowait_from(0);
		 /* More writes than reserves, and no two of them adjacent. */
		 for (uint64_t at = 100; at < 400; at += 2)
			 rig.origin.start_write(at * chunk, stamped(3, at * chunk, chunk));
		 rig.pause(5'000'000'000);
		 memory.fail_nothing();
		 Rig::require(!rig.s1.write(20 * chunk, stamped(4, 20 * chunk, 1)), "written");
	 }},
	{"an unreadable sector and a COW device that hangs",
	 [](Rig &rig) {
		 /* s0 lacks the first of three chunks, s1 two, and the new snapshot all. */
		 const uint64_t at[] = {100 * chunk, 101 * chunk, 102 * chunk};
		 rig.s0.write(at[1], stamped(3, at[1], 2 * chunk));
		 rig.s1.write(at[2], stamped(3, at[2], chunk));
		 Rig::require(!rig.s0.flush() && !rig.s1.flush(), "neither commits later");
		 Rig::create(rig.more, TargetType::snapshot, "disk cow3 P 8");
		 rig.disk.fail_range(Op::read, at[2] + 4, 1);
		 rig.cow0.hang();
		 /* One copy for all. */
		 Mapped::Handle writes[3];
		 for (int n : {0, 1, 2})
			 writes[n] = rig.origin.start_write(at[n], stamped(4, at[n], chunk));
		 for (int n : {1, 2})
			 Rig::require(!rig.origin.wait(writes[n]), "written");
		 Rig::require(!writes[0]->done, "the first write waits for the device");
		 Rig::require(rig.more.status() == "Invalid", "it needs the sector");
		 Rig::require(rig.s1.read(at[0], chunk) == stamped(1, at[0], chunk),
			      "it shows the old contents");
	 }},
	{"message commit during a handover",
	 [](Rig &rig) {
		 rig.s0.write(20 * chunk, stamped(3, 20 * chunk, chunk));
		 rig.s0.suspend();
		 rig.more.load(TargetType::snapshot, disk_sectors, "disk cow0 P 8");
		 for (int n = 0; n < 4; n++)
			 rig.world.spawn("commit", [&rig] { rig.s0.message({"commit"}); });
		 Rig::require(!rig.more.resume(), "resumed");
	 },
	 200},
	{"COW device with blocks of 8 KiB",
	 [](Rig &rig) {
		 rig.world.add_device({.name = "wide", .sectors = 2048, .block_sectors = 16});
		 if (rig.more.create(TargetType::snapshot, disk_sectors, "disk wide P 16") == 0)
			 Rig::require(!rig.origin.write(200, stamped(3, 200, 8)) &&
					      rig.more.read(192, 16) == stamped(1, 192, 16),
				      "it shows the old contents");
	 }},
	{"a COW device of 4 KiB blocks, and an origin that ends within one",
	 [](Rig &rig) {
		 Device &odd = rig.world.add_device({.name = "odd", .sectors = 1021});
		 rig.world.add_device({.name = "4k", .sectors = 2048, .block_sectors = 8});
		 odd.poke(0, stamped(1, 0, 1021));
		 Mapped own{"own"}, of_own{"snapshot"};
		 Rig::require(!own.create(TargetType::origin, 1021, "odd"), "made");
		 Rig::require(!of_own.create(TargetType::snapshot, 1016, "odd 4k P 16"), "made");
		 Rig::require(!own.write(1010, stamped(3, 1010, 11)), "written");
		 Rig::require(of_own.read(1008, 8) == stamped(1, 1008, 8),
			      "it shows the old contents");
	 }},
};

void run(const Situation *in, const Act &act, user::WorldOptions options, bool trace)
{
	Rig rig(options);
	if (trace)
		rig.world.trace = [&rig](const std::string &line) {
			std::printf("%10llu us  %s\n",
				    static_cast<unsigned long long>(
					    (rig.world.now_ns() - 1'000'000'000) / 1000),
				    line.c_str());
		};
	if (in) {
		in->begin(rig);
		/* Long enough for everything to be waiting that ever will be. */
		rig.world.run_for(5'000'000'000);
	}
	rig.must_end(act.name, [&] { act.body(rig); });
	/* The hung devices come back, and everything ends. */
	for (const auto &device : rig.world.devices())
		device->wake_up();
	rig.run_for_long();
	for (Mapped *mapped : {&rig.more, &rig.s0, &rig.s1, &rig.t0, &rig.origin, &rig.origin2})
		rig.must_end("remove", [mapped] { mapped->remove(); });
}

std::string name_of(const Situation &situation, const Act &act)
{
	return std::string("isolation: ") + situation.name + ": " + act.name;
}

} // namespace

std::vector<std::string> scenarios()
{
	std::vector<std::string> all;
	for (const Situation &situation : situations)
		for (const Act &act : acts)
			all.push_back(name_of(situation, act));
	for (const Act &act : others)
		all.push_back(act.name);
	return all;
}

void run_scenario(const std::string &name, bool trace)
{
	const Situation *in = nullptr;
	const Act *what = nullptr;
	for (const Situation &situation : situations)
		for (const Act &act : acts)
			if (name == name_of(situation, act)) {
				in = &situation;
				what = &act;
			}
	for (const Act &act : others)
		if (name == act.name)
			what = &act;
	if (!what)
		user::die("there is no scenario \"%s\"", name.c_str());

	for (uint64_t seed = 0; seed <= what->orders; seed++)
		run(in, *what,
		    {.order = seed ? user::Order::random : user::Order::fifo, .seed = seed}, trace);
}

} // namespace dmsnap::sim
