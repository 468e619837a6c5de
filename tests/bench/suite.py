# SPDX-License-Identifier: GPL-2.0-only
"""The common part of the benches in this folder: guests in virtual time, one for each kernel and
module, where a script runs scenarios; the figures that it prints; and a table of them with their
limits.

There one instruction is one nanosecond, and the devices (null_blk) have an exact latency.  So the
figures show how many I/Os wait for each other, and how much is computed, whatever else this
machine does.

The script prints lines:

    begin SCENARIO
    figure SCENARIO NAME VALUE
    images SCENARIO      /results/SCENARIO.{before,after} must be equal
    end SCENARIO
    missing TARGET       the module has no such target, nothing was measured
"""

import argparse
import dataclasses
import filecmp
import fnmatch
import importlib.machinery
import importlib.util
import json
import pathlib
import shutil
import subprocess
import sys
import time
import typing

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tools/lib"))
import guest as guests  # noqa: E402  pylint: disable=wrong-import-position
import guest_run  # noqa: E402  pylint: disable=wrong-import-position
from terminal import Durations, Terminal, clock  # noqa: E402  pylint: disable=wrong-import-position

HERE = pathlib.Path(__file__).resolve().parent
OUTPUT = TOP / "build/bench"
SUITES = ("io", "exceptions", "merge")
MODULES = ("in-tree", "ours")
BOOT_SECONDS, SCENARIO_SECONDS = 15.0, 15.0    # a guess, for the estimate only
TIME_LIMIT = 600.0                             # for each scenario


@dataclasses.dataclass(frozen=True)
class Limit:
    """The limit of a figure of ours: @value, or @value times another figure.

    The other figure is that of @module; its scenario and name are the same by default.
    """
    value: float = 1.0
    module: str = ""               # empty: @value is the limit itself
    scenario: str = ""
    name: str = ""
    at_least: bool = False         # otherwise at most


def at_most(value):
    return Limit(value)


def in_tree(factor=1.0, at_least=False):
    return Limit(factor, "in-tree", at_least=at_least)


@dataclasses.dataclass(frozen=True)
class Figure:
    scenario: str
    name: str
    what: str
    digits: int = 0
    limit: Limit | None = None     # None: only shown
    shown: bool = True             # in tables
    known: tuple = (None, None)    # in-tree's, in the order of guests.KERNELS, if not measured


@dataclasses.dataclass(frozen=True)
class Suite:
    """A bench: the guests run @name.sh, which is beside this file."""
    name: str
    about: str
    scenarios: dict                # name -> description
    figures: tuple
    # More figures: (folder with the guest's files, scenario, those that it printed) -> {name: value}
    read_results: typing.Callable
    percentiles: dict = dataclasses.field(default_factory=dict)    # for latencies: figure's name -> per cent
    usual: tuple = ()              # scenarios that run without --only; empty: all
    mem: int = 2048                # MB
    programs: tuple = ()           # each built from NAME.cpp beside this file, for the guest, with the core's format
    # Figures that a separate guest measures, with $PEAK set: measuring them slows down the others
    peaks: tuple = ()


def load(name):
    """The suite of tests/bench/NAME."""
    loader = importlib.machinery.SourceFileLoader(f"bench_{name}", str(HERE / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module.SUITE


def prepared_guest(place, spec, files, command):
    """A guest that runs the shell command @command, with @files in /job and results in @place/results."""
    shutil.rmtree(place, ignore_errors=True)
    (place / "job").mkdir(parents=True)
    (place / "results").mkdir()
    for path in files:
        shutil.copy(path, place / "job")
    (place / "job/main").write_text(f"{command}\n")
    return guest_run.Guest(spec, place / "job", place / "results", place / "console.log")


@dataclasses.dataclass(frozen=True)
class Run:
    kernel: str
    module: str
    peak: bool                     # only for the suite's peaks
    scenarios: tuple

    def name(self, between=" "):
        return between.join((self.kernel, self.module, *(["peak"] if self.peak else [])))


class CannotRun(Exception):
    """Something could not be measured, or cannot be true; the text says why."""


class Follower(guest_run.Watcher):
    """Collects the figures from the script's output."""

    def __init__(self, results, wait, expected):
        self.results = results
        self.wait = wait
        self.expected = expected   # scenario -> seconds
        self.figures = {}          # (scenario, name) -> number
        self.seconds = {}          # scenario -> seconds of real time
        self.other = []            # unexpected lines: errors
        self.unequal = []          # scenarios
        self.missing = None
        self._begun = 0.0
        self._pending = b""

    def output(self, data):
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            self.line(line.decode(errors="replace"))

    def line(self, line):
        match line.split():
            case ["begin", scenario]:
                self.wait.detail, self._begun = scenario, time.monotonic()
            case ["figure", scenario, name, value]:
                self.figures[scenario, name] = float(value)
            case ["images", scenario]:
                images = [self.results / f"{scenario}.{when}" for when in ("before", "after")]
                if not filecmp.cmp(*images, shallow=False):
                    self.unequal.append(scenario)
                for image in images:
                    image.unlink()
            case ["end", scenario]:
                self.seconds[scenario] = time.monotonic() - self._begun
                # At the speed so far
                usual = BOOT_SECONDS + sum(self.expected[name] for name in self.seconds)
                self.wait.expected = self.wait.seconds() / usual * (BOOT_SECONDS + sum(self.expected.values()))
            case ["missing", target]:
                self.missing = target
            case _:
                self.other.append(line)


class Bench:
    def __init__(self, suite, options):
        self.suite = suite
        self.options = options
        self.terminal = Terminal()
        self.durations = Durations()
        self.figures = {}          # (kernel, module, scenario, name) -> number
        self.runs = [Run(kernel, module, peak, tuple(only)) for kernel in options.kernel for module in options.module
                     for peak, only in ((False, options.only), (True, self.with_peaks())) if only]

    def with_peaks(self):
        """The scenarios to run again for their peaks."""
        if not (self.suite.peaks and self.options.peaks):
            return []
        have = {figure.scenario for figure in self.suite.figures if figure.name in self.suite.peaks}
        return [name for name in self.options.only if name in have]

    def duration_name(self, run, scenario):
        return f"bench/{self.suite.name} {run.name()} {scenario}"

    def usual_seconds(self, run):
        """The real seconds that each scenario will take."""
        return {name: self.durations.get(self.duration_name(run, name), SCENARIO_SECONDS) for name in run.scenarios}

    def expected(self, runs):
        return sum(BOOT_SECONDS + sum(self.usual_seconds(run).values()) for run in runs)

    def measure(self, run, after):
        place = OUTPUT / self.suite.name / run.name("-")
        files = [HERE / "lib.sh", HERE / f"{self.suite.name}.sh", *(OUTPUT / name for name in self.suite.programs)]
        guest = prepared_guest(place, guests.Spec(kernel=run.kernel, module=run.module, icount=True, mem=self.suite.mem), files,
                               f"export PEAK={'1' if run.peak else ''}\n"
                               f"exec bash /job/{self.suite.name}.sh {' '.join(run.scenarios)}")
        results = place / "results"
        with self.terminal.wait(run.name(), self.expected([run]), after or 1.0) as wait:
            follower = Follower(results, wait, self.usual_seconds(run))
            try:
                outcome = guest.run(follower, TIME_LIMIT * len(run.scenarios))
            finally:
                for image in (*results.glob("*.before"), *results.glob("*.after")):
                    image.unlink()
        what = f"{run.module} on {run.kernel}"
        if not outcome.ok:
            raise CannotRun("\n    ".join([f"{what}: {outcome.reason}", *follower.other[-20:], *outcome.lines[:40],
                                           f"log: {place / 'console.log'}"]))
        if follower.missing:
            raise CannotRun(f"{what}: the module has no target {follower.missing}")
        if follower.unequal:
            raise CannotRun(f"{what}: after the merge the origin differs from the snapshot: "
                            + ", ".join(follower.unequal))
        for scenario in run.scenarios:
            told = {name: value for (of, name), value in follower.figures.items() if of == scenario}
            for name, value in self.suite.read_results(results, scenario, told).items():
                follower.figures[scenario, name] = value
            self.durations.set(self.duration_name(run, scenario), follower.seconds[scenario])
        for (scenario, name), value in follower.figures.items():
            if (name in self.suite.peaks) == run.peak:
                self.figures[run.kernel, run.module, scenario, name] = value

    def prepare(self):
        """Builds what the guests need first, so that errors show at once."""
        for run in self.runs:
            parts = guests.guest_parts(run.kernel)
            if run.module == "ours":
                guests.own_module(parts["RELEASE"])
        OUTPUT.mkdir(parents=True, exist_ok=True)
        for name in self.suite.programs:
            subprocess.run(("g++-12", "-std=gnu++23", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-DFMT_HEADER_ONLY",
                            f"-I{TOP}/include", f"-I{TOP}/src/core", "-o", OUTPUT / name,
                            HERE / f"{name}.cpp", TOP / "tools/dmsnap/system/port.cpp",
                            *sorted((TOP / "src/core/format").glob("*.cpp"))), check=True)

    def run(self, after=0.0):
        """Measures everything, prints the tables, and returns the exit code.

        @after: the seconds that later steps will take, for the estimate
        """
        self.prepare()
        problems = []
        self.terminal.line(f"guests to run: {len(self.runs)}, about {clock(self.expected(self.runs))}")
        for number, run in enumerate(self.runs):
            try:
                self.measure(run, self.expected(self.runs[number + 1:]) + after)
            except CannotRun as problem:
                problems.append(str(problem))
        missed = sum(self.table(kernel) for kernel in self.options.kernel)
        if self.options.json:
            pathlib.Path(self.options.json).write_text(json.dumps(self.rows(), indent=1) + "\n")
        if "ours" in self.options.module and not problems:
            self.terminal.line(f"\nlimits missed: {missed}" if missed else "\nall limits are kept")
        for problem in problems:
            self.terminal.line(f"could not be measured: {problem}", "bad")
        return 2 if problems else 1 if missed else 0

    # --- output ---

    def in_tree(self, kernel, figure):
        """The value to compare with, and whether it was measured now."""
        value = self.figures.get((kernel, "in-tree", figure.scenario, figure.name))
        return (value, True) if value is not None else (figure.known[guests.KERNELS.index(kernel)], False)

    def limit(self, kernel, figure):
        """The limit; None if there is none, or if the figure it refers to is missing."""
        limit = figure.limit
        if limit is None or not limit.module:
            return limit and limit.value
        if limit.module == "in-tree" and not limit.scenario:
            other = self.in_tree(kernel, figure)[0]
        else:
            other = self.figures.get((kernel, limit.module, limit.scenario or figure.scenario, limit.name or figure.name))
        return None if other is None else other * limit.value

    def kept(self, kernel, figure):
        """Is the limit kept?  None if there is nothing to compare."""
        ours = self.figures.get((kernel, "ours", figure.scenario, figure.name))
        limit = self.limit(kernel, figure)
        if ours is None or limit is None:
            return None
        return ours >= limit if figure.limit.at_least else ours <= limit

    def table(self, kernel):
        """Prints the table and returns how many limits are missed."""
        missed, last, recorded = 0, None, False
        self.terminal.line(f"\nLinux {kernel}{'':<47}{'in-tree':>10}{'ours':>10}{'limit':>10}", "bold")
        for figure in self.suite.figures:
            if figure.scenario not in self.options.only or not figure.shown:
                continue
            if figure.scenario != last:
                last = figure.scenario
                self.terminal.line(f"{last}: {self.suite.scenarios[last]}")
            ours = self.figures.get((kernel, "ours", figure.scenario, figure.name))
            other, now = self.in_tree(kernel, figure)
            recorded |= other is not None and not now
            cells = [(other, "" if now else "*"), (ours, ""), (self.limit(kernel, figure), "")]
            texts = ["-" if value is None else f"{value:.{figure.digits}f}{mark}" for value, mark in cells]
            kept = self.kept(kernel, figure)
            missed += kept is False
            self.terminal.line(f"    {figure.what:<{len(f'Linux {kernel}') + 43}}" + "".join(f"{text:>10}" for text in texts)
                               + {True: "  kept", False: "  MISSED", None: ""}[kept], "bad" if kept is False else None)
        if recorded:
            self.terminal.line("* not measured now, but recorded before", "dim")
        return missed

    def rows(self):
        """Each figure as it is written to a file."""
        releases = {kernel: guests.guest_parts(kernel)["RELEASE"] for kernel in self.options.kernel}
        return [{"suite": self.suite.name, "kernel": kernel, "scenario": figure.scenario, "figure": figure.name,
                 "release": releases[kernel],
                 **{module: self.figures.get((kernel, module, figure.scenario, figure.name)) for module in MODULES},
                 "limit": self.limit(kernel, figure), "kept": self.kept(kernel, figure)}
                for kernel in self.options.kernel for figure in self.suite.figures
                if figure.scenario in self.options.only]


def parse_options(suite):
    width = max(map(len, suite.scenarios)) + 2
    scenarios = "".join(f"  {name:<{width}}{what}\n" for name, what in suite.scenarios.items())
    parser = argparse.ArgumentParser(
        prog=f"tests/bench/{suite.name}", description=suite.about, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"scenarios:\n{scenarios}\n"
               "Exit code: 0 all limits are kept, 1 some are not, 2 wrong usage, or something could\n"
               "not be measured, or gave wrong data.")
    parser.add_argument("--kernel", action="append", choices=guests.KERNELS, help="only this kernel (default: both)")
    parser.add_argument("--module", action="append", choices=MODULES, help="only this module (default: both)")
    parser.add_argument("--only", action="append", metavar="SCENARIO",
                        help="only this scenario, or those that match a shell pattern; may be repeated")
    if suite.peaks:
        parser.add_argument("--peaks", action="store_true", help=f"play it again, for {', '.join(suite.peaks)}")
    parser.add_argument("--json", metavar="FILE", help="also write the figures there")
    options = parser.parse_args()
    options.kernel = options.kernel or list(guests.KERNELS)
    options.module = options.module or list(MODULES)
    for pattern in options.only or ():
        if not fnmatch.filter(suite.scenarios, pattern):
            parser.error(f"there is no scenario {pattern}")
    options.only = chosen(suite, options.only)
    return options


def chosen(suite, patterns):
    """The selected scenarios in order; the usual ones if there is no pattern."""
    if not patterns:
        return list(suite.usual or suite.scenarios)
    return [name for name in suite.scenarios if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]


def main(suite):
    guests.stop_on_signals()
    try:
        return Bench(suite, parse_options(suite)).run()
    except (guests.GuestError, OSError, subprocess.CalledProcessError) as error:
        print(f"tests/bench/{suite.name}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
