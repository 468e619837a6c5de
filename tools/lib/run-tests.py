#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs the parts of tools/test in turn and adds up their results.

A part is a command.  Its counts are read from its output.  A part that shows nothing (no output,
no test, all tests skipped) has failed.  A check or a build prints no counts, and is one test by
its exit code; randomised runs, however many, are one test together.  A part that fails without a
failed test counts as one failure, so that a crash of its runner is not lost.
"""

import argparse
import dataclasses
import enum
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import guest as guests  # noqa: E402  pylint: disable=wrong-import-position
from terminal import Durations, Terminal, clock  # noqa: E402  pylint: disable=wrong-import-position

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
LOGS = TOP / "build/test"
TAIL = 120
PLAIN_COUNT = re.compile(r"^(\d+) (?:passed|caught), (\d+) (?:failed|survived)$")
GTEST_PASSED = re.compile(r"^\[  PASSED  \] (\d+) tests?\.")
FAILURE = re.compile(r"FAIL|\[  FAILED  \]|.*\berror:")
GTEST_FAILED = re.compile(r"^\[  FAILED  \] (\d+) tests?, listed below")
SKIPPED = re.compile(r"^(\d+) skipped(?:: .*)?$|^\[  SKIPPED \] (\d+) tests?, listed below")
# A check whose tool is missing says so and succeeds; here all tools are required
NOT_RUN = re.compile(r"^[\w-]+: skipped, no ")
BUILD_STEP = re.compile(r"  [A-Z]+ +\S")
LEFT = re.compile(r"\[\d+/\d+, about (\d+):(\d\d) left\]$")    # printed by the guest tests
LIMIT, LIMIT_FACTOR = 1800.0, 5.0    # a part hangs after this many seconds, or multiples of its usual time


class Shows(enum.Enum):
    """What a part has to show."""
    TESTS = "how many passed and failed"
    RUNS = "how many randomised runs passed and failed: one test"
    CODE = "its exit code: a check or a build, one test"


@dataclasses.dataclass
class Part:
    name: str
    what: str
    command: tuple
    guess: float            # seconds, if it never ran here
    when: str = "quick"     # the shortest run that has it: quick (needs no guest), default, or full
    needs: tuple = ()       # parts that build what it tests
    full: tuple = ()        # the command with --full, if it differs
    full_guess: float = 0.0
    full_needs: tuple = ()  # besides needs
    shows: Shows = Shows.TESTS
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    runs: int = 0
    seconds: float = 0.0


def make(*words):
    return ("make", "--no-print-directory", *words)


def module(kernel):
    return Part(f"module-{kernel}", f"the module for Linux {kernel}", make("module", f"KVER={kernel}"), 30,
                "quick" if kernel in guests.USUAL_KERNELS else "full", shows=Shows.CODE)


def modules(kernels):
    return tuple(f"module-{kernel}" for kernel in kernels)


MODULES = modules(guests.KERNELS)
NEWEST = guests.STOCK_KERNELS[0]
# One short case of each kind: snapshots, merges, the full COW device, what is stored
NEWEST_CASES = ("io-many", "merge-io", "messages", "stall", "transcript-store")
PARTS = (
    Part("format", "formatting of the sources", make("check-format"), 5, shows=Shows.CODE),
    Part("headers", "headers compile alone, includes do not cross the boundary", make("check-headers"), 60, shows=Shows.CODE),
    Part("freestanding", "the core needs only its port", make("check-freestanding"), 60, shows=Shows.CODE),
    Part("clang", "a second compiler, with its thread-safety analysis", make("check-clang"), 60, shows=Shows.CODE),
    Part("tidy", "the core and the port in user space, by clang-tidy", make("tidy"), 600, "default", shows=Shows.CODE),
    Part("shell", "scripts, by shellcheck", make("check-shell"), 20, shows=Shows.CODE),
    Part("checkpatch", "the kernel's C, by checkpatch", make("check-checkpatch"), 15, shows=Shows.CODE),
    Part("kernel-doc", "the comments of the boundary, by kernel-doc", make("check-kernel-doc"), 1, shows=Shows.CODE),
    Part("boundary", "boundary.rst says what the headers say", make("check-boundary"), 1, shows=Shows.CODE),
    Part("man", "manual pages, by mandoc", make("check-man"), 5, shows=Shows.CODE),
    Part("spelling", "spelling, by codespell, and plain English", make("check-spelling"), 3, shows=Shows.CODE),
    Part("doc", "the documentation as HTML, without warnings of Sphinx", make("doc"), 8, shows=Shows.CODE),
    Part("dist", "the tarball is the same under another umask", ("tools/package/selftest",), 15),
    Part("gates", "the gates of the build detect what they should", make("check-selftest"), 10, shows=Shows.CODE),
    Part("runner-selftest", "the runner counts what parts show, and keeps the output of the set-up", ("tools/lib/selftest",), 2),
    *map(module, guests.STOCK_KERNELS),
    Part("sparse", "the kernel's C, by sparse", make("check-sparse", f"KVER={guests.USUAL_KERNELS[0]}"), 10,
         needs=modules(guests.USUAL_KERNELS[:1]), shows=Shows.CODE),
    Part("imports", "a module uses every listed import",
         ("bash", "-c", 'for kernel; do modules+=("build/$(tools/lib/kernels.sh $kernel release)/dm-snapshot.ko"); done;'
                        ' tools/build/check-ko --unused "${modules[@]}"', "-", *guests.USUAL_KERNELS),
         2, needs=modules(guests.USUAL_KERNELS), shows=Shows.CODE),
    Part("unit", "tests in user space", make("unit"), 100),
    Part("unit-san", "unit tests with the address and undefined behaviour sanitizers", make("unit", "SAN=1"), 240, "full"),
    Part("unit-threads", "real threads on the table and pages, with the thread sanitizer",
         make("unit", "SAN=thread", "T=ExceptionTableReaders*:*threads*:*Threads*"), 60),
    Part("model", "lock-free parts of the core under weak memory: all executions of small programs", make("model"), 20),
    Part("model-weakened", "the list of memory orders that may be weaker is up to date", ("tests/model/weaken", "--check"), 1,
         full=("tests/model/weaken",), full_guess=120),
    Part("sim-selftest", "a seed of the simulator determines its run", ("tests/sim/selftest",), 30),
    Part("sim", "crashes at any I/O, recovered and checked", ("tools/sim", "--cycles", "200000"), 60,
         full=("tools/sim", "--cycles", "3000000"), full_guess=600, shows=Shows.RUNS),
    Part("sim-exhaustive", "small workloads, crashed at every I/O, with every loss", ("tools/sim", "--exhaustive"), 20),
    Part("sim-san", "the simulator with the address and undefined behaviour sanitizers", make("sim", "SAN=1"), 60, "full", shows=Shows.RUNS),
    Part("fuzz", "malformed input for parsers and the core", make("fuzz"), 90, full=make("fuzz", "SECONDS=300"), full_guess=1300),
    Part("tools", "dmsnap on valid, damaged and hostile stores, compared with the core's loader", make("tools-test"), 120,
         full=make("tools-test", "FULL=1"), full_guess=300),
    Part("mutants-fit", "the seeded defects apply to the sources", ("tools/mutants", "--check"), 10,
         full=("tools/mutants",), full_guess=300),
    Part("mutants-generated", "defects made from the sources are caught, others each time", ("tools/mutants", "--generate", "100"),
         3000, "full"),
    Part("differences", "differences.rst is up to date", ("tests/vm/differential", "--check"), 1, shows=Shows.CODE),
    Part("tables", "performance.rst has the measured figures", ("tests/bench/tables.py", "--check"), 1, shows=Shows.CODE),
    Part("report", "the benchmark report is small, readable anywhere, and matches the figures", ("tests/bench/report-selftest",), 3),
    Part("kernels", "the tables of kernels are up to date", ("tests/vm/kernels", "--check"), 1, shows=Shows.CODE),
    Part("guest-selftest", "the runner of the guest tests notices crashes and hangs", ("tests/vm/selftest",), 60, "default",
         MODULES),
    Part("power-selftest", "the checks of the power cuts detect losses", ("tests/vm/power/selftest",), 30, "default", MODULES),
    Part("power", "power cuts of guests whose disks lose unflushed writes", ("tests/vm/power-cuts", "--count", "10"),
         90, "default", MODULES, ("tests/vm/power-cuts", "--count", "100"), 700, shows=Shows.RUNS),
    Part("guests", "tests in guests on the kernels of Debian 12", ("tests/vm/run",), 600, "default", MODULES,
         ("tests/vm/run", "--full"), 4500, modules(guests.FULL_KERNELS)),
    Part("guests-newest", f"some guest tests on Linux {NEWEST}",
         ("tests/vm/run", "--kernel", NEWEST, "--output", f"build/vm-{NEWEST}", *NEWEST_CASES), 60, "default", modules((NEWEST,))),
    Part("bench", "no more time or I/Os than recorded", ("tests/bench/regression", "--kernel", "6.12"), 75,
         "default", MODULES, ("tests/bench/regression", "--full"), 400),
    Part("lvm2-suite", "LVM2's own tests of snapshots", ("tests/vm/lvm2-suite", "--kernel", "6.12"), 900, "full", MODULES),
    Part("package-build", "the packages build, and lintian, pedantic, has nothing to say", make("package"), 200, "full",
         shows=Shows.CODE),
    Part("package-root", "a Debian root to install the packages in", ("tests/vm/package-root",), 240, "full", shows=Shows.CODE),
    Part("package", "packages installed, upgraded and removed while snapshots are in use", ("tests/vm/package",), 400,
         "full", ("package-root",)),
    *(Part(f"package-{kernel}", f"the package with the DKMS and the compiler of Linux {kernel}'s Debian",
           ("tests/vm/package-dkms", "--kernel", kernel), 200, "full") for kernel in ("7.3", "6.12-deb13")),
    Part("kernel-um", "build of the debug kernel for one processor", ("tools/build/debug-kernel", "um"), 240, "default", shows=Shows.CODE),
    Part("kernel-smp", "build of the debug kernel for two processors", ("tools/build/debug-kernel", "smp"), 720, "default", shows=Shows.CODE),
    Part("debug-um", "KUnit, stress, faults and leaks on a debug kernel", ("tests/vm/debug", "um"), 60,
         "default", ("kernel-um",), full=("tests/vm/debug", "--full", "um"), full_guess=900),
    Part("debug-smp", "the same with two processors", ("tests/vm/debug", "smp"), 240, "default",
         ("kernel-smp",), full=("tests/vm/debug", "--full", "smp"), full_guess=1800),
)
RUNS = {"quick": ("quick",), "default": ("quick", "default"), "full": ("quick", "default", "full")}


def count(part, lines, code):
    plain = [match for line in lines if (match := PLAIN_COUNT.match(line))]
    passed = failed = 0
    if part.shows == Shows.CODE:
        passed = int(code == 0)
    elif plain:
        passed, failed = int(plain[-1][1]), int(plain[-1][2])
    else:
        for line in lines:
            if match := GTEST_PASSED.match(line):
                passed += int(match[1])
            elif match := GTEST_FAILED.match(line):
                failed += int(match[1])
    if part.shows == Shows.RUNS:
        part.runs, passed = passed + failed, int(passed > 0 and failed == 0)
    part.skipped = sum(int(match[1] or match[2]) for line in lines if (match := SKIPPED.match(line)))
    shown = passed + failed > 0 and not any(NOT_RUN.match(line) for line in lines)
    if not shown or (code and not failed):
        failed = max(failed, 1)
    part.passed, part.failed = passed if shown else 0, failed


class Command:
    """A running command, killed with all its children when it takes too long."""

    def __init__(self, part, limit):
        self.process = subprocess.Popen(part.command, cwd=TOP, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, errors="replace",
                                        env=dict(os.environ, LC_ALL="C.UTF-8"), start_new_session=True)
        self.timed_out = False
        self._timer = threading.Timer(limit, self._time_out)

    def __enter__(self):
        self._timer.start()
        return self

    def __exit__(self, *_):
        self._timer.cancel()
        self.end()
        self.process.wait()

    def _time_out(self):
        self.timed_out = True
        self.end()

    def end(self):
        """Sends SIGTERM first, for programs that clean up, like the runner of the guests."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is not None:
                return
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass


def run(part, terminal, expected, after):
    log = LOGS / f"{part.name}.log"
    begun = time.monotonic()
    lines = []
    with terminal.wait(part.what, expected, after) as wait, log.open("w", errors="replace") as kept:
        try:
            limit = max(LIMIT, expected * LIMIT_FACTOR)
            with Command(part, limit) as command:
                for line in command.process.stdout:
                    kept.write(line)
                    line = line.rstrip("\n")
                    lines.append(line)
                    wait.detail = line.strip()[:60]
                    if match := LEFT.search(line):
                        wait.expected = wait.seconds() + 60 * int(match[1]) + int(match[2])
                code = command.process.wait()
            if command.timed_out:
                lines.append(f"FAIL: killed, still running after {clock(limit)}")
                kept.write(lines[-1] + "\n")
                code = code or 1
        except OSError as error:
            lines.append(f"{part.command[0]}: {error}")
            kept.write(lines[-1] + "\n")
            code = 1
    part.seconds = time.monotonic() - begun
    count(part, lines, code)
    word = "FAIL" if part.failed else "ok"
    runs = f" ({part.runs} runs)" if part.runs else ""
    terminal.line(f"{word:<5} {part.name:<18} {part.passed:5} passed, {part.failed} failed{runs}"
                  f"   {clock(part.seconds)}   {part.what}", "bad" if part.failed else "good")
    if part.failed:
        rest = [line for line in lines if not BUILD_STEP.match(line)]
        for line in (failures_in(lines) or rest)[-TAIL:]:
            terminal.line("      | " + line)
        terminal.line(f"      the whole log: {log.relative_to(TOP)}")


def failures_in(lines):
    """The lines that report a failure, and the indented lines below them."""
    told = []
    telling = False
    for line in lines:
        telling = bool(FAILURE.match(line)) or (telling and line.startswith("      "))
        if telling:
            told.append(line)
    return told


def chosen(options):
    """The parts of this run, with their commands."""
    names = set(options.only)
    for part in PARTS:
        if part.name in options.only:
            names.update(part.needs + (part.full_needs if options.run == "full" else ()))
    parts = [part for part in PARTS if (part.name in names if names else part.when in RUNS[options.run])]
    if options.run == "full":
        parts = [dataclasses.replace(part, command=part.full, guess=part.full_guess) if part.full else part
                 for part in parts]
    return parts


def main():
    parser = argparse.ArgumentParser(prog="tools/test", add_help=False)
    parser.add_argument("--quick", action="store_const", dest="run", const="quick", default="default")
    parser.add_argument("--full", action="store_const", dest="run", const="full")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if options.list:
        for part in PARTS:
            print(f"{part.name:<18} {part.when:<8} {part.what}")
        return 0
    unknown = set(options.only) - {part.name for part in PARTS}
    if unknown:
        print(f"test: no such part: {', '.join(sorted(unknown))} (see tools/test --list)", file=sys.stderr)
        return 2
    parts = chosen(options)

    LOGS.mkdir(parents=True, exist_ok=True)
    terminal = Terminal()
    durations = Durations()
    # A part with another command in a full run has another duration there
    keys = {part.name: f"test {part.name}{' full' if part.full and options.run == 'full' else ''}" for part in parts}
    expected = {part.name: durations.get(keys[part.name], part.guess) for part in parts}
    terminal.line(f"{len(parts)} parts, about {clock(sum(expected.values()))}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    interrupted = False
    done = []
    try:
        for i, part in enumerate(parts):
            done.append(part)
            run(part, terminal, expected[part.name], sum(expected[later.name] for later in parts[i + 1:]))
            if not part.failed:
                durations.set(keys[part.name], part.seconds)
    except KeyboardInterrupt:
        done[-1].failed, interrupted = 1, True

    failed = sum(part.failed for part in done)
    skipped = sum(part.skipped for part in done)
    terminal.line()
    terminal.line(f"{'part':<18} passed failed skipped    runs  time", "bold")
    for part in done:
        terminal.line(f"{part.name:<18} {part.passed:6} {part.failed:6} {part.skipped:7} {part.runs or '':7} {clock(part.seconds):>5}",
                      "bad" if part.failed else None)
    terminal.line(f"{'all':<18} {sum(part.passed for part in done):6} {failed:6} {skipped:7} {sum(part.runs for part in done):7} "
                  f"{clock(sum(part.seconds for part in done)):>5}")
    for part in done:
        if part.failed:
            terminal.line(f"failed: {part.name}   (log: build/test/{part.name}.log, again: tools/test{' --full' if options.run == 'full' else ''} --only {part.name})", "bad")
    if interrupted:
        terminal.line("interrupted: the remaining parts have not run", "bad")
    print(f"{sum(part.passed for part in done)} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 130 if interrupted else 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
