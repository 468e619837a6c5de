# SPDX-License-Identifier: GPL-2.0-only
"""A series of power cuts on the same stores.

Each boot of the guest activates the origin and its snapshots, and shows their contents, which are
compared with the log of all operations (history.py).  Then it writes until its power fails: QEMU is
killed, and the disks choose which writes survive that are not durable (volatile_disk.py).
"""

import dataclasses
import pathlib
import random
import shutil
import struct
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent.parent.parent / "tools/lib"))
import guest as guests  # noqa: E402  pylint: disable=wrong-import-position
import guest_run  # noqa: E402  pylint: disable=wrong-import-position
from history import History  # noqa: E402  pylint: disable=wrong-import-position
from volatile_disk import SECTOR, VolatileDisk  # noqa: E402  pylint: disable=wrong-import-position

SECTORS = 16 * 1024                 # of the origin
COW_SECTORS = 40 * 1024
SNAPSHOTS = ("a", "b", "c")
CHUNKS = (8, 8, 16, 32, 128, 512)
FIRST_STAMP = 1
DISCARDED = 0                       # the stamp that a discard leaves
STAMPS_IN_BOOT = 1 << 20            # the second half is for writes after the start of a merge
BAD = 2 ** 64 - 1
# A cut comes after the guest has printed one of these; in how many of 100 cases after each
WRITING = {"ready": 10, "power: taking snapshots": 10, "power: at work": 80}
MERGE_TO_COME = {"ready": 5, "power: at work": 25, "power: merging": 70}
MERGE_GOES_ON = {"ready": 60, "power: at work": 40}
# And at most this many seconds later, if the guest boots in USUAL_BOOT seconds
AT_WORK, ELSE = 2.5, 1.0
USUAL_BOOT = 4.0
TIME_LIMIT = 90.0
SHOWN = 10                          # how many wrong sectors of a device to show


class Failure(Exception):
    """Something is wrong after a power cut, or the guest did not get that far."""


def stamped(sectors, stamp):
    return b"".join(struct.pack("<QQ", stamp, sector) * (SECTOR // 16) for sector in range(sectors))


def parse_runs(words):
    stamps = []
    for word in words:
        stamp, _, count = word.partition("*")
        stamps += [BAD if stamp == "bad" else int(stamp, 16)] * (int(count, 16) if count else 1)
    return stamps


@dataclasses.dataclass
class Cut:
    """The result of one cut."""
    shown: bool = False         # the guest has shown all that earlier cuts left
    merge_left: int = 0         # sectors left to merge, as the next boot finds
    merging: bool = False
    operations: int = 0
    flushes: int = 0
    discards: int = 0
    disks: str = ""

    def __str__(self):
        state = f"merging, {self.merge_left} left" if self.merging else "writing" if self.operations else "idle"
        return (f"{state:<19} {self.operations:5} operations {self.flushes:4} flushes"
                f" {self.discards:3} discards, kept/lost/torn {self.disks}")


class PowerCut(guest_run.Watcher):
    """Cuts the power at a moment that was chosen beforehand."""

    def __init__(self, moment, seconds):
        self.moment = moment
        self.seconds = seconds
        self.timer = None
        self.output_text = b""

    def output(self, data):
        self.output_text += data

    def message(self, text, guest):
        if text == self.moment:
            slow = min(max(1.0, guest.boot_seconds / USUAL_BOOT), 2.0)
            self.timer = threading.Timer(self.seconds * slow, guest.cut_power)
            self.timer.start()

    def cancel(self):
        if self.timer:
            self.timer.cancel()


class Series:
    def __init__(self, kernel, seed, directory, load, lies=()):
        self.kernel = kernel
        self.seed = seed
        self.directory = pathlib.Path(directory)
        self.load = load
        self.chance = random.Random(seed)
        self.boots = 0
        self.place = 0              # position in the concatenated logs of all boots
        self.disks = {}
        self.chunk = {name: self.chance.choice(CHUNKS) for name in SNAPSHOTS}
        self.smp = self.chance.choice((1, 2))
        self.histories = {"org": History([FIRST_STAMP] * SECTORS)}
        self.merging = ""
        self.to_show = set()        # devices that the boot has not shown yet
        self.directory.mkdir(parents=True)
        for name in ("org", *SNAPSHOTS):
            contents = stamped(SECTORS, FIRST_STAMP) if name == "org" else bytes(COW_SECTORS * SECTOR)
            self.disks[name] = VolatileDisk(self.directory / f"{name}.socket", contents,
                                            random.Random(self.chance.random()), name in lies)
        self.images = {}            # contents before the last boot

    def close(self):
        for disk in self.disks.values():
            disk.close()

    # --- a boot ---

    def boot(self, last=False):
        """Checks the previous power cut, and makes the next one; returns the Cut."""
        self.boots += 1
        chance = self.chance
        to_merge = self.merge_next()
        moments = MERGE_GOES_ON if self.merging else MERGE_TO_COME if to_merge else WRITING
        moment = chance.choices(list(moments), list(moments.values()))[0]
        seconds = chance.uniform(0.0, AT_WORK if moment == "power: at work" else ELSE)
        delay = chance.choice((0.0, 0.001, 0.005, 0.02))
        for disk in self.disks.values():
            disk.power_returns(delay)
        self.images = {name: disk.contents() for name, disk in self.disks.items()}
        place = self.directory / f"boot-{self.boots}"
        job = place / "job"
        job.mkdir(parents=True)
        shutil.copy(HERE / "main.sh", job / "main")
        shutil.copy(self.load, job / "load")
        (job / "plan").write_text(self.plan(last, to_merge))
        log = place / "log"
        spec = guests.Spec(kernel=self.kernel, module="ours", load=False, log=str(log), mem=512, smp=self.smp,
                           disks=[guests.Disk(disk.address, nbd=True) for disk in self.disks.values()])
        watcher = PowerCut(None if last else moment, seconds)
        guest = guest_run.Guest(spec, job, place / "results", place / "console.log")
        outcome = guest.run(watcher, timeout=TIME_LIMIT)
        watcher.cancel()
        cut = self.follow(log.read_text() if log.exists() else "")
        failed = {name: disk.power_fails() for name, disk in self.disks.items()}
        cut.merging = bool(self.merging)
        cut.disks = " ".join(f"{name} {'/'.join(str(count) for count in counts.values())}"
                             for name, counts in failed.items())
        if not outcome.ok if last else outcome.status != "cut":
            raise Failure(f"{outcome.reason}\n{watcher.output_text.decode(errors='replace')}" +
                          "\n".join(outcome.lines))
        if last and not cut.shown:
            raise Failure("the guest has not shown " + ", ".join(sorted(self.to_show)))
        shutil.rmtree(place)
        return cut

    def merge_next(self):
        """Chooses a snapshot to merge, in half of the boots that could merge one."""
        present = [name for name in SNAPSHOTS if name in self.histories]
        return self.chance.choice(present) if present and not self.merging and self.chance.random() < 0.5 else ""

    def plan(self, last, to_merge):
        chance = self.chance
        present = [name for name in SNAPSHOTS if name in self.histories]
        new = []
        if not self.merging:
            # A snapshot that has copied all of the origin tests nothing any more
            for name in list(present):
                if not last and name != to_merge and chance.random() < 0.3:
                    present.remove(name)
                    del self.histories[name]
            new = [name for name in SNAPSHOTS if name not in present]
        self.to_show = {"org", *present}
        values = {
            "SIZE": SECTORS, "EXISTING": " ".join(present), "NEW": " ".join(new), "MERGING": self.merging,
            "TO_MERGE": to_merge, "LAST": "yes" if last else "no",
            "SEED": chance.randrange(1 << 30), "STAMP": self.boots * STAMPS_IN_BOOT,
            "DEPTH": chance.choice((1, 4, 16, 32)), "RATE": chance.choice((100, 300, 1000, 3000)),
            "DURABLE": chance.choice((1, 5, 15)), "MERGE_AFTER": chance.randrange(50, 600),
        }
        lines = [f"{name}='{value}'" for name, value in values.items()]
        for number, name in enumerate(SNAPSHOTS):
            lines += [f"COW[{name}]=/dev/vd{chr(ord('b') + number)}", f"CHUNK[{name}]={self.chunk[name]}"]
        return "\n".join(lines) + "\n"

    # --- its log ---

    def follow(self, text):
        """Reads what the guest has logged, in order; raises Failure if something is wrong."""
        cut = Cut()
        running = {}                # stamp -> (kind, history, sector, begin, Write or None)
        lines = text.split("\n")
        # The cut interrupted the last line
        for line in lines[:-1]:
            self.place += 1
            word, *words = line.split()
            if word in ("write", "fua", "flush", "read", "discard"):
                stamp = int(words[0], 16)
                history = self.histories[words[1]]
                sector, count = (int(words[2], 16), int(words[3], 16)) if len(words) > 2 else (0, 0)
                write = None
                if word in ("write", "fua"):
                    write = history.begin(stamp, sector, count, self.place)
                elif word == "discard":
                    write = history.discard(DISCARDED, sector, count, self.place)
                    cut.discards += 1
                running[stamp] = (word, history, sector, self.place, write)
                cut.operations += 1
            elif word == "end":
                kind, history, sector, begin, write = running.pop(int(words[0], 16))
                if write:
                    history.end(write, self.place, kind == "fua")
                elif kind == "flush":
                    history.flushed(begin)
                    cut.flushes += 1
                else:
                    self.check_read(history, sector, begin, parse_runs(words[1:]))
            elif word == "error":
                raise Failure(f"I/O error {int(words[1], 16)} of {running[int(words[0], 16)][0]}")
            else:
                self.event(cut, word, words)
        return cut

    def event(self, cut, word, words):
        name = words[0]
        if word == "show":
            self.check_seen(name, parse_runs(words[1:]))
            self.to_show.discard(name)
            cut.shown = not self.to_show
        elif word == "new":
            self.histories.pop(name, None)
        elif word == "taken":
            self.histories[name] = self.histories["org"].copy()
        elif word == "merge":
            # What the origin shows from here on
            self.histories["org"] = self.histories.pop(name)
            self.merging = name
        elif word == "merged":
            self.merging = ""
        elif word == "left":
            cut.merge_left = int(name)
        else:
            raise Failure(f"the log says: {word} {' '.join(words)}")

    def name_of(self, history):
        return next(name for name, other in self.histories.items() if other is history)

    def check_read(self, history, sector, begin, stamps):
        for i, stamp in enumerate(stamps):
            allowed = history.read_at(sector + i, begin)
            if stamp not in allowed:
                raise Failure(f"a read of {self.name_of(history)} got a wrong sector: " +
                              describe(sector + i, stamp, allowed))

    def check_seen(self, name, stamps):
        wrong = self.histories[name].seen(stamps)
        if wrong:
            raise Failure(f"{name} has {len(wrong)} wrong sectors, the first:\n" +
                          "\n".join("  " + describe(*one) for one in wrong[:SHOWN]))

    # --- debugging ---

    def keep(self):
        """Saves the images from before the boot, and what the boot and the power cut changed."""
        for name, disk in self.disks.items():
            (self.directory / f"{name}.before").write_bytes(self.images[name])
            (self.directory / f"{name}.after").write_bytes(disk.contents())
            (self.directory / f"{name}.trace").write_text("".join(
                f"{seconds:9.4f} {what} {sector}+{sectors}\n" for seconds, what, sector, sectors in disk.trace))


def describe(sector, stamp, allowed):
    def text(one):
        return "no stamp" if one == BAD else f"{one:x}"
    return f"sector {sector} has {text(stamp)}, not {' or '.join(text(one) for one in allowed)}"
