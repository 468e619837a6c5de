# SPDX-License-Identifier: GPL-2.0-only
"""Starts a guest, watches it, and reports how it ended.

Searches the console for kernel splats and enforces time limits while the guest runs.  QEMU has
always ended when this returns.
"""

import dataclasses
import os
import pathlib
import re
import selectors
import signal
import subprocess
import tempfile
import time

import guest as guests

# Lines of the kernel's log that mean a failure, whatever the job itself reports.  They match
# anywhere, because a line of the console can start with a piece of another one.  (The driver logs
# "unable to handle snapshot disk version".)
SPLAT = re.compile(
    r"BUG:|WARNING:|Oops|general protection fault|Kernel panic|kernel BUG at"
    r"|INFO: task .* blocked for more than|INFO: rcu|soft lockup|hard LOCKUP"
    r"|rcu.*(stall|self-detected)|UBSAN|KASAN|KCSAN|KFENCE|kmemleak: .* new suspected"
    r"|possible circular locking|possible recursive locking|inconsistent lock state"
    r"|suspicious RCU usage|Internal error|[Uu]nable to handle (?!snapshot disk version)|double fault"
    r"|refcount_t:|list_(add|del) corruption|sleeping function called|scheduling while atomic"
    r"|Out of memory: Killed process|Bad page state|Call Trace:")

# Printed by the guest's scripts (say_host in guest/guest.sh)
GUEST_LINE = re.compile(r"dmsnap: (.*)")

BOOT_LIMIT = 120.0       # seconds from QEMU's start to "ready"; emulation on a busy host is slow
BOOT_ATTEMPTS = 3
SPLAT_GRACE = 3.0        # how long a guest may go on printing stack traces
HANG_GRACE = 3.0         # the same for the blocked tasks that a hung guest prints

# SysRq keys for a hung guest: all messages to the console, the blocked tasks, the stacks of all
# CPUs.  One at a time, because a break overtakes the keys before it.
SYSRQ_QUESTIONS = (b"7", b"w", b"l")
SYSRQ_ANSWER = re.compile(r"sysrq: (Changing|Show)")


@dataclasses.dataclass
class Outcome:
    """How a guest ended.

    status: "done" (the job ended, see exit_code), "splat", "hang", "lost"
    (ended without a result) or "cut" (power cut on request).
    """
    status: str
    exit_code: int | None = None
    reason: str = ""
    lines: list = dataclasses.field(default_factory=list)
    boot_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def ok(self):
        return self.status == "done" and self.exit_code == 0


class Watcher:
    """Events of Guest.run; all methods may be overridden."""

    def output(self, data):
        """Bytes from the job's stdout or stderr."""

    def console(self, line):
        """A line of the console."""

    def message(self, text, guest):
        """A message to the host from the guest's scripts."""


class Guest:
    def __init__(self, spec, job, results, console_log):
        self.spec = spec
        self.job = pathlib.Path(job)
        self.results = pathlib.Path(results)
        self.console_log = pathlib.Path(console_log)
        self.deadline = None       # time.monotonic() at which the guest counts as hung
        self.deadline_reason = ""
        self.boot_seconds = 0.0    # from QEMU's start to "ready"
        self._cut = False
        self._process = None

    # --- for watchers ---

    def set_time_limit(self, seconds, reason):
        self.deadline = time.monotonic() + seconds
        self.deadline_reason = reason

    def cut_power(self):
        """Kills QEMU at once, as a power failure would."""
        self._cut = True
        self._kill()

    def _kill(self):
        """Kills the guest.  User Mode Linux has a host process for each of its processes."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass    # it has ended by itself

    # --- running ---

    def shell(self):
        """Connects the terminal to the guest's console; returns the exit code."""
        parts = guests.guest_parts(self.spec.kernel)
        with tempfile.TemporaryDirectory(prefix="dmsnap-guest.") as work:
            command = guests.command_of(self.spec, parts, self.job, self.results, pathlib.Path(work))
            return subprocess.run(command, check=False).returncode

    def run(self, watcher=None, timeout=None):
        """Runs the job; `timeout` (seconds) counts from the end of the boot.

        Under emulation a stock kernel sometimes stops in its first second: a timer of the second
        processor is lost, and RCU may complain later.  Nothing of ours is loaded then, so it is not
        our failure.  Such a guest is started again, and the console's log says so.
        """
        watcher = watcher or Watcher()
        for attempt in range(1, BOOT_ATTEMPTS + 1):
            outcome = self._run_once(watcher, timeout)
            came_up = outcome.status in ("done", "cut") or outcome.boot_seconds
            if came_up or self.spec.load or attempt == BOOT_ATTEMPTS:
                break
            with open(self.console_log, "ab") as log:
                log.write(f"\n--- the guest did not come up ({outcome.reason}); started again ---\n".encode())
        return outcome

    def _run_once(self, watcher, timeout):
        parts = guests.guest_parts(self.spec.kernel)
        self.results.mkdir(parents=True, exist_ok=True)
        (self.results / ".exit-code").unlink(missing_ok=True)
        # Beside the job: whoever made that directory also cleans up after a kill
        with tempfile.TemporaryDirectory(prefix="boot.", dir=self.job.parent) as work:
            read_end, write_end = os.pipe()
            try:
                command = guests.command_of(self.spec, parts, self.job, self.results, pathlib.Path(work), write_end)
                self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                                 stderr=subprocess.STDOUT, pass_fds=(write_end,),
                                                 start_new_session=True)
            except OSError as error:
                os.close(read_end)
                raise guests.GuestError(f"QEMU does not start ({error}); run tools/setup") from error
            except BaseException:
                os.close(read_end)
                raise
            finally:
                os.close(write_end)
            try:
                with open(self.console_log, "ab") as log:
                    return self._watch(read_end, log, watcher, timeout)
            finally:
                os.close(read_end)
                self._kill()
                self._process.wait()
                self._process.stdout.close()
                try:
                    self._process.stdin.close()
                except BrokenPipeError:
                    pass

    def _watch(self, output_fd, log, watcher, timeout):
        started = time.monotonic()
        limit = BOOT_LIMIT * guests.SLOWNESS.get(self.spec.kernel, 1.0) * guests.busy()
        self.set_time_limit(limit, f"did not come up within {limit:.0f} s")
        selector = selectors.DefaultSelector()
        console_fd = self._process.stdout.fileno()
        selector.register(console_fd, selectors.EVENT_READ)
        selector.register(output_fd, selectors.EVENT_READ)
        pending = b""
        tail = []
        splat = []
        grace_end = None           # if set, the verdict is known
        hang_reason = ""
        questions = []
        boot_seconds = 0.0
        console_open = True

        while console_open:
            now = time.monotonic()
            if grace_end is not None and now >= grace_end:
                self._kill()
                grace_end = now + 60
            elif grace_end is None and now >= self.deadline:
                hang_reason = self.deadline_reason
                questions = list(SYSRQ_QUESTIONS)
                self._sysrq(questions.pop(0))
                grace_end = now + HANG_GRACE
            limit = self.deadline if grace_end is None else grace_end
            for key, _ in selector.select(max(0.0, limit - now)):
                data = os.read(key.fd, 65536)
                if not data:
                    selector.unregister(key.fd)
                    console_open = console_open and key.fd != console_fd
                    continue
                if key.fd == output_fd:
                    watcher.output(data)
                    continue
                log.write(data)
                log.flush()
                *lines, pending = (pending + data).split(b"\n")
                for raw in lines:
                    line = raw.decode(errors="replace").rstrip("\r")
                    tail = (tail if hang_reason else tail[-39:]) + [line]
                    watcher.console(line)
                    if hang_reason and questions and SYSRQ_ANSWER.search(line):
                        self._sysrq(questions.pop(0))
                    said = GUEST_LINE.search(line)
                    if said and said[1] == "ready":
                        boot_seconds = self.boot_seconds = time.monotonic() - started
                        tail = []
                        if timeout is None:
                            self.set_time_limit(3e7, "")
                        else:
                            self.set_time_limit(timeout, f"still running after {timeout:g} s")
                    if said:
                        watcher.message(said[1], self)
                    elif splat or (SPLAT.search(line) and not hang_reason):
                        splat.append(line)
                        if grace_end is None:
                            grace_end = time.monotonic() + SPLAT_GRACE

        # The job's last output may still be in the pipe
        os.set_blocking(output_fd, False)
        while True:
            try:
                data = os.read(output_fd, 65536)
            except BlockingIOError:
                break
            if not data:
                break
            watcher.output(data)
        self._process.wait()
        outcome = Outcome("lost", boot_seconds=boot_seconds, seconds=time.monotonic() - started)
        exit_code = self.results / ".exit-code"
        if splat:
            outcome.status, outcome.lines = "splat", splat
            outcome.reason = "kernel splat: " + splat[0].strip()
        elif self._cut:
            outcome.status, outcome.reason = "cut", "power cut as asked"
        elif hang_reason:
            outcome.status, outcome.lines = "hang", tail
            outcome.reason = "hang: " + hang_reason
        elif exit_code.exists():
            outcome.status, outcome.exit_code = "done", int(exit_code.read_text())
            outcome.reason = f"exit code {outcome.exit_code}"
        else:
            outcome.lines = tail
            outcome.reason = "lost guest: it ended without a result" + (
                "" if boot_seconds else ", before it was up")
        return outcome

    def _sysrq(self, key):
        """SysRq over the serial line: a break (QEMU's Ctrl-A B), then the key."""
        try:
            os.write(self._process.stdin.fileno(), b"\x01b" + key)
        except OSError:
            pass    # it has just ended by itself
