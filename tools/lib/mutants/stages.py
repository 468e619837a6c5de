# SPDX-License-Identifier: GPL-2.0-only
"""The quick tests that a mutant has to survive to be a hole, in the order in which
they run, and how to read from their output what failed.
"""

import dataclasses
import re
import signal
import subprocess
import threading

MEMORY = 4 << 30           # bytes of addresses; a defect may allocate without end
IDLE_FACTOR = 20           # on a busy machine a test may take so many times its processor time


@dataclasses.dataclass(frozen=True)
class Stage:
    name: str
    target: str             # of tools/build/unit.mk, builds it
    command: tuple          # in the tree; ends with the first failure
    begins: re.Pattern      # a line that names the test that begins
    fails: re.Pattern       # a line that names the test that failed
    dies: re.Pattern        # a line that says why it ends at once


DIES = re.compile(r"dmsnap: ([^:\n]+)")
GTEST = (re.compile(r"\[ RUN      \] (\S+)"), re.compile(r"\[  FAILED  \] ([^\s,]+)"), DIES)
# What takes nine tenths of the time, and says less of what is wrong, comes last.
SLOW = {"unit-crash": "PersistentCrash*",
        "unit-copier": "Copier.copies_*:CopierThrottle.*",
        "unit-small-table": "SmallTable*",
        "unit-table": "ExceptionTable*"}


def unit(name, tests):
    return Stage(name, "unit-build", ("build/unit/unit-tests", "--gtest_fail_fast", f"--gtest_filter={tests}"), *GTEST)


# The simulator names no test: what it says is wrong, without the device and the history, stands for one.
SAYS = (re.compile(r"(?!)"), re.compile(r"FAIL: (?:\S+: )*(.{1,60}?)(?:: \d.*)?$"), DIES)
SIM = ("build/unit/sim", "--runs", "3000", "--jobs", "1", "--no-shrink")

STAGES = (unit("unit", "-" + ":".join(SLOW.values())), *(unit(name, tests) for name, tests in SLOW.items()),
          Stage("sim", "sim-build", SIM, *SAYS))


@dataclasses.dataclass(frozen=True)
class Failure:
    test: str
    how: str = ""           # unless by a check: "hangs", "deadlock", "SIGSEGV"

    def __str__(self):
        return f"{self.test} ({self.how})" if self.how else self.test


def run(stage, tree, limit, log):
    """The Failure, None if there is none.  @limit: seconds of a processor."""
    command = ("prlimit", "--core=0", f"--as={MEMORY}", f"--cpu={limit}:{limit + 5}", *stage.command)
    begun = failed = stage.name
    death = None
    timed_out = threading.Event()
    with subprocess.Popen(command, cwd=tree, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        def time_out():
            timed_out.set()
            process.kill()

        # Threads that wait for each other take no time of a processor.
        timer = threading.Timer(IDLE_FACTOR * limit, time_out)
        timer.start()
        try:
            for line in process.stdout:
                log.write(line)
                if match := stage.begins.match(line):
                    begun = match[1]
                elif failed == stage.name and (match := stage.fails.match(line)):
                    failed = match[1]
                elif match := stage.dies.match(line):
                    death = match[1]
        finally:
            timer.cancel()
            process.kill()
    if timed_out.is_set() or process.returncode == -signal.SIGXCPU:
        return Failure(begun, "hangs")
    if process.returncode < 0:
        return Failure(begun, death or signal.Signals(-process.returncode).name)
    return Failure(failed) if process.returncode else None
