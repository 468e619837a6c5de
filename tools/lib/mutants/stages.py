# SPDX-License-Identifier: GPL-2.0-only
"""The quick tests, in their order, and how to read from their output what failed.  A mutant that
survives all of them is a hole in the tests.
"""

import dataclasses
import re
import signal
import subprocess
import threading

MEMORY = 4 << 30           # bytes of address space; a defect may allocate without end
IDLE_FACTOR = 20           # a test may take this many times its CPU time on a busy machine


@dataclasses.dataclass(frozen=True)
class Stage:
    name: str
    target: str             # of tools/build/unit.mk, builds it
    command: tuple          # runs in the tree; ends with the first failure
    begins: re.Pattern      # a line that names the test that starts
    fails: re.Pattern       # a line that names the test that failed
    dies: re.Pattern        # a line that says why the program ended early


DIES = re.compile(r"dmsnap: ([^:\n]+)")
GTEST = (re.compile(r"\[ RUN      \] (\S+)"), re.compile(r"\[  FAILED  \] ([^\s,]+)"), DIES)
# Last come the tests that take nine tenths of the time and say less about what is wrong
SLOW = {"unit-crash": "PersistentCrash*",
        "unit-copier": "Copier.copies_*:CopierThrottle.*",
        "unit-small-table": "SmallTable*",
        "unit-table": "ExceptionTable*"}


def unit(name, tests):
    return Stage(name, "unit-build", ("build/unit/unit-tests", "--gtest_fail_fast", f"--gtest_filter={tests}"), *GTEST)


# The simulator has no test names: its message, without the device and the history, stands for one
SAYS = (re.compile(r"(?!)"), re.compile(r"FAIL: (?:\S+: )*(.{1,60}?)(?:: \d.*)?$"), DIES)
SIM = ("build/unit/sim", "--runs", "3000", "--jobs", "1", "--no-shrink")

STAGES = (unit("unit", "-" + ":".join(SLOW.values())), *(unit(name, tests) for name, tests in SLOW.items()),
          Stage("sim", "sim-build", SIM, *SAYS))


@dataclasses.dataclass(frozen=True)
class Failure:
    test: str
    how: str = ""           # if no check failed: "hangs", "deadlock", "SIGSEGV"

    def __str__(self):
        return f"{self.test} ({self.how})" if self.how else self.test


def run(stage, tree, limit, log):
    """The Failure, or None.  @limit: seconds of CPU time."""
    command = ("prlimit", "--core=0", f"--as={MEMORY}", f"--cpu={limit}:{limit + 5}", *stage.command)
    begun = failed = stage.name
    death = None
    timed_out = threading.Event()
    with subprocess.Popen(command, cwd=tree, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace") as process:
        def time_out():
            timed_out.set()
            process.kill()

        # Threads that wait for each other use no CPU time
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
