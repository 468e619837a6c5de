# SPDX-License-Identifier: GPL-2.0-only
"""The host's side of tools/demo.  Builds the module, starts the guest, explains its steps
(steps/*.sh, which guest.sh runs) to the user, and reports whether all checks held.
"""

import argparse
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent.parent
sys.path.insert(0, str(HERE.parent))
import guest as guests  # noqa: E402  pylint: disable=wrong-import-position
import guest_run  # noqa: E402  pylint: disable=wrong-import-position
from terminal import Bar, Durations, Terminal  # noqa: E402  pylint: disable=wrong-import-position

EXIT_HELD, EXIT_BROKEN, EXIT_NO_SETUP = 0, 1, 2
DISKS = ("192M", "192M")
BOOT_SECONDS = 15          # a guess, for the estimate only
STEPS_LIMIT = 900          # seconds for all steps of a boot; they take less than one minute
LOG_LINES = 30             # of the guest's log, shown after a failure


class SetupError(Exception):
    """The demonstration cannot run; the text says why."""


@dataclasses.dataclass(frozen=True)
class Step:
    name: str
    title: str
    boot: int


def read_steps():
    steps = []
    for path in sorted((HERE / "steps").glob("*.sh")):
        fields = dict(re.findall(r"^# (title|boot): +(.*\S)", path.read_text(), re.MULTILINE))
        steps.append(Step(path.stem, fields["title"], int(fields["boot"])))
    return steps


class Narrator(guest_run.Watcher):
    """Follows a boot and shows its steps."""

    def __init__(self, demo):
        self.demo = demo
        self.ready = False
        self.running = None        # the current step
        self.broken = ""
        self.bar = None            # of the current operation, if known
        self._pending = b""

    def message(self, text, guest):
        if text == "ready":
            self.ready = True

    def output(self, data):
        *lines, self._pending = (self._pending + data).split(b"\n")
        for raw in lines:
            line = raw.decode(errors="replace").rstrip("\r")
            if line.startswith("\036"):
                kind, _, text = line[1:].partition(" ")
                getattr(self, "on_" + kind)(text)
            else:
                self.demo.show("      " + line)

    def on_begin(self, name):
        self.running = self.demo.steps_by_name[name]
        self.demo.section(self.running.title)

    def on_end(self, name):
        self.running = None
        self.demo.ended.append(name)

    def on_say(self, text):
        self.demo.say(text)

    def on_run(self, text):
        self.demo.show("    # " + text, "command")

    def on_held(self, text):
        self.demo.held += 1
        self.demo.show("    held: " + text, "good")

    def on_broken(self, text):
        self.broken = text

    def on_progress(self, text):
        """@text: WHAT DONE TOTAL, in MB."""
        what, done, total = text.rsplit(" ", 2)
        if self.bar is None:
            self.bar = Bar(what, "MB")
        before = self.bar.percent() // 25
        self.bar.move(int(done), int(total))
        if done == total:
            self.demo.show("    " + self.bar.text())
            self.bar = None
        elif not self.demo.terminal.tty and self.bar.percent() // 25 != before:
            self.demo.show("    ... " + self.bar.text())
        self.show_bar(self.bar)

    def show_bar(self, bar):
        """On a terminal."""


class Demo:
    def __init__(self, options):
        self.options = options
        self.terminal = Terminal()
        self.durations = Durations()
        self.steps = read_steps()
        self.steps_by_name = {step.name: step for step in self.steps}
        self.boots = max(step.boot for step in self.steps)
        self.sections = 1 + self.boots + len(self.steps)
        self.section_number = 0
        self.held = 0
        self.ended = []
        parent = TOP / "build/demo"
        parent.mkdir(parents=True, exist_ok=True)
        self.place = pathlib.Path(tempfile.mkdtemp(prefix=f"{options.kernel}-{time.strftime('%H%M%S')}-", dir=parent))
        self.console = self.place / "guest.log"
        self.results = self.place / "results"
        self.results.mkdir()
        self.disks = [guests.parse_disk(size, number, self.place) for number, size in enumerate(DISKS)]

    # --- telling ---

    def show(self, text="", style=None):
        self.terminal.line(text, style)

    def say(self, text):
        self.show(textwrap.fill(text, 80, initial_indent="    ", subsequent_indent="    "))

    def section(self, title):
        self.section_number += 1
        self.show()
        self.show(f"{self.section_number} of {self.sections}  {title}", "bold")

    # --- doing ---

    def build(self):
        kernel = self.options.kernel
        self.section(f"Building the module for Linux {kernel}")
        sources = [p for p in (TOP / "src").rglob("*.c*") if "user" not in p.relative_to(TOP).parts]
        name = f"demo build {kernel}"
        log_path = self.place / "build.log"
        compiled = 0
        with self.terminal.wait("building", self.durations.get(name, 60)) as wait, \
                open(log_path, "w", encoding="utf-8") as log, \
                subprocess.Popen(["make", "-C", str(TOP), "module", f"KVER={kernel}"], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as make:
            for line in make.stdout:
                log.write(line)
                if re.match(r"\s*(CC|CXX) ", line):
                    compiled += 1
                    wait.fraction = min(0.99, compiled / (len(sources) + 3))
                    wait.detail = os.path.basename(line.split()[-1])
        if make.returncode:
            for line in log_path.read_text(errors="replace").splitlines()[-LOG_LINES:]:
                self.show("    | " + line)
            raise SetupError(f"the module could not be built; the whole log is {log_path}")
        if compiled > len(sources) // 2:
            self.durations.set(name, wait.seconds())
        self.say("dm-snapshot.ko is built." if compiled else "dm-snapshot.ko was built before, and is up to date.")

    def boot(self, number):
        """Starts the guest for the steps of this boot; returns (outcome, narrator)."""
        kernel = self.options.kernel
        self.section(f"Starting a machine with Linux {kernel}" if number == 1 else "Starting it again")
        if number == 1:
            self.say("In QEMU, without hardware acceleration: it works everywhere, but is slow.")
        name = f"demo boot {kernel}"
        steps_name = f"demo steps {kernel} {number}"
        steps = [step.name for step in self.steps if step.boot == number]
        demo = self

        class Booting(Narrator):
            """Shows how long the boot takes, then each step."""

            def message(self, text, guest):
                super().message(text, guest)
                if text == "ready":
                    demo.durations.set(name, wait.seconds())
                    demo.say(f"It is up, after {wait.seconds():.0f} seconds.")
                    wait.what = "working"
                    wait.expected = wait.seconds() + demo.durations.get(steps_name, 4 * len(steps))

            def show_bar(self, bar):
                wait.bar = bar

        narrator = Booting(self)
        with tempfile.TemporaryDirectory(prefix="job.", dir=self.place) as work:
            job = pathlib.Path(work) / "job"
            job.mkdir()
            shutil.copytree(HERE, job / "demo")
            (job / "main").write_text(f"exec bash /job/demo/guest.sh {' '.join(steps)}\n")
            spec = guests.Spec(kernel=kernel, kind="full", module="ours", load=False, disks=self.disks)
            guest = guest_run.Guest(spec, job, self.results, self.console)
            with self.terminal.wait("starting", self.durations.get(name, BOOT_SECONDS)) as wait:
                outcome = guest.run(narrator, STEPS_LIMIT)
        if outcome.ok:
            self.durations.set(steps_name, outcome.seconds - outcome.boot_seconds)
        return outcome, narrator

    def show_failure(self, outcome, narrator):
        if narrator.running:
            where = f'at "{narrator.running.title}"'
        elif narrator.ready:
            where = "between two steps"
        else:
            where = "while the machine started"
        self.show()
        self.show(f"NOT HELD {where}: {narrator.broken or outcome.reason}", "bad")
        if narrator.broken and outcome.status != "done":
            self.show(outcome.reason, "bad")
        lines = outcome.lines or self.console.read_text(errors="replace").splitlines()
        self.show(f"The end of the machine's log ({self.console}):")
        for line in lines[-LOG_LINES:]:
            self.show("    | " + line.rstrip("\r"))

    def shell(self):
        self.show()
        self.show("The machine again, for yourself", "bold")
        with tempfile.TemporaryDirectory(prefix="job.", dir=self.place) as work:
            job = pathlib.Path(work) / "job"
            job.mkdir()
            shutil.copy(HERE / "shell.sh", job)
            size = shutil.get_terminal_size()
            (job / "main").write_text(f"stty rows {size.lines} cols {size.columns}\n. /job/shell.sh\n"
                                      "PS1='demo:\\w# ' exec bash --norc -i\n")
            spec = guests.Spec(kernel=self.options.kernel, kind="full", module="ours", load=False, mode="shell",
                               disks=self.disks)
            guest_run.Guest(spec, job, self.results, self.console).shell()

    def run(self):
        self.build()
        good = True
        for number in range(1, self.boots + 1):
            outcome, narrator = self.boot(number)
            good = outcome.ok and not narrator.broken
            if not good:
                self.show_failure(outcome, narrator)
                break
        good = good and self.ended == [step.name for step in self.steps]
        if self.options.shell:
            self.shell()
        self.show()
        if good and not self.options.keep:
            shutil.rmtree(self.place)
        else:
            self.tidy()
        if good:
            self.show(f"All held: {self.held} of {self.held} checks, on Linux {self.options.kernel}, "
                      "before and after the restart.", "good")
            return EXIT_HELD
        self.show(f"Not all held on Linux {self.options.kernel}: {self.held} checks did, then one did not; "
                  f"log: {self.console}", "bad")
        return EXIT_BROKEN

    def tidy(self):
        if self.options.keep:
            disks = ", ".join(os.path.basename(disk.path) for disk in self.disks)
            self.show(f"Kept in {self.place}: {disks} (raw), guest.log, build.log, results/notes")
            return
        for disk in self.disks:
            pathlib.Path(disk.path).unlink(missing_ok=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kernel", choices=guests.STOCK_KERNELS, required=True)
    parser.add_argument("--shell", action="store_true")
    parser.add_argument("--keep", action="store_true")
    guests.stop_on_signals()
    demo = None
    try:
        demo = Demo(parser.parse_args())
        return demo.run()
    except (SetupError, guests.GuestError) as error:
        demo.tidy()
        print(f"demo: {error}", file=sys.stderr)
        return EXIT_NO_SETUP
    except KeyboardInterrupt:
        demo.tidy()
        print("\ndemo: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
