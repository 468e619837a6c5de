# SPDX-License-Identifier: GPL-2.0-only
"""How the cases of a guest ended, according to its console."""

import dataclasses
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tools/lib"))
import guest as guests  # noqa: E402  pylint: disable=wrong-import-position
import guest_run  # noqa: E402  pylint: disable=wrong-import-position

BOOT_SECONDS = {"quick": 7.0, "full": 12.0, "own": 12.0}     # a guess
CLEANUP_LIMIT = 60.0                            # between two cases
EXIT_SKIP, EXIT_UNFIT = 77, 88                  # as in lib.sh and agent.sh


@dataclasses.dataclass
class Verdict:
    passed: bool
    seconds: float
    reason: str = ""
    lines: list = dataclasses.field(default_factory=list)
    skipped: bool = False


def ended_verdict(exit_code, seconds):
    if exit_code == EXIT_SKIP:
        return Verdict(True, seconds, skipped=True)
    return Verdict(exit_code == 0, seconds, f"exit code {exit_code}")


class Blame(guest_run.Watcher):
    """Follows on the console which case is running."""

    def __init__(self, cases, slow):
        self.cases = {case.name: case for case in cases}
        self.slow = slow
        self.usual_boot = BOOT_SECONDS[cases[0].guest] * slow
        self.running = None
        self.last = None
        self.begun = 0.0
        self.ended = {}            # name -> (exit code, seconds)
        self.splat_in = None

    def message(self, text, guest):
        words = text.split()
        if words[:2] == ["case", "begin"] and len(words) == 3:
            self.running = self.last = words[2]
            self.begun = time.monotonic()
            # A host too busy to boot the guest in the usual time needs longer for the cases too.
            # It may have become busy since.
            limit = self.cases[words[2]].timeout * self.slow * max(guests.busy(), guest.boot_seconds / self.usual_boot)
            guest.set_time_limit(limit, f"still running after {limit:.0f} s")
        elif words[:2] == ["case", "end"] and len(words) == 4:
            self.ended[words[2]] = (int(words[3]), time.monotonic() - self.begun)
            self.running = None
            guest.set_time_limit(CLEANUP_LIMIT * self.slow * guests.busy(), "the guest hung after the end of the case")
        elif text == "power cut please":
            guest.cut_power()

    def seconds(self):
        return time.monotonic() - self.begun if self.begun else 0.0
