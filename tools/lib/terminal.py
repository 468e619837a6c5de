# SPDX-License-Identifier: GPL-2.0-only
"""Output of tools/demo and tools/test: permanent lines and, during something long, the time left.
On a terminal that is a last line that changes every second, otherwise an occasional line.  This
module does not decide what is shown.  It remembers durations in the cache, for estimates only.
"""

import contextlib
import json
import os
import pathlib
import sys
import threading
import time

CACHE = pathlib.Path(os.environ.get("DMSNAP_CACHE", "/var/cache/dmsnap"))
STYLES = {"bold": "1", "dim": "2", "good": "32", "bad": "1;31", "command": "36"}
LOG_INTERVAL = 30.0        # seconds between two lines of progress without a terminal


def clock(seconds):
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class Durations:
    """The last durations in seconds, by name."""

    PATH = CACHE / "durations-tools.json"

    def __init__(self):
        try:
            self.known = json.loads(self.PATH.read_text())
        except (OSError, ValueError):
            self.known = {}

    def get(self, name, guess):
        return self.known.get(name, guess)

    def set(self, name, seconds):
        self.known[name] = round(seconds, 1)
        try:
            new = self.PATH.with_suffix(f".{os.getpid()}")
            new.write_text(json.dumps(self.known, indent=0, sort_keys=True))
            new.replace(self.PATH)
        except OSError:
            pass    # only the next estimate suffers


class Wait:
    """Something that takes long.  The caller may refine the estimate while it runs."""

    def __init__(self, what, expected, after):
        self.what = what
        self.expected = expected
        self.after = after         # seconds that later steps will take
        self.begun = time.monotonic()
        self.fraction = None       # done so far, if known
        self.detail = ""
        self.bar = None            # the bar of a part, which is shown instead

    def seconds(self):
        return time.monotonic() - self.begun

    def left(self):
        spent = self.seconds()
        if self.fraction and spent > 3:
            return spent / self.fraction * (1 - self.fraction)
        return self.expected - spent

    def text(self):
        if self.bar:
            return self.bar.text()
        left = self.left()
        parts = [f"{clock(self.seconds())} so far",
                 f"about {clock(left)} left" if left >= 1 else "nearly done" if left > -10 else "longer than expected"]
        if self.after:
            parts.append(f"all done at about {time.strftime('%H:%M', time.localtime(time.time() + max(left, 0) + self.after))}")
        return f"{self.what}{': ' if self.what else ''}{', '.join(parts)}{'   ' if self.detail else ''}{self.detail}"


class Bar:
    """Progress of something of known size."""

    WIDTH = 30

    def __init__(self, what, unit):
        self.what = what
        self.unit = unit
        self.begun = time.monotonic()
        self.done = self.total = self.first = 0

    def move(self, done, total):
        if not self.total:
            self.first = done
        self.done, self.total = done, total

    def percent(self):
        return 100 * self.done // self.total if self.total else 0

    def text(self):
        full = self.WIDTH * self.percent() // 100
        text = (f"{self.what} [{'#' * full}{'.' * (self.WIDTH - full)}] {self.percent():3} %"
                f", {self.done} of {self.total} {self.unit}")
        spent = time.monotonic() - self.begun
        if self.done == self.total:
            return f"{text}, in {spent:.1f} s"
        if self.done > self.first:
            left = spent / (self.done - self.first) * (self.total - self.done)
            text += f", about {clock(left)} left, ends at {time.strftime('%H:%M:%S', time.localtime(time.time() + left))}"
        return text


class Terminal:
    def __init__(self):
        self.tty = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._lock = threading.RLock()
        self._wait = None

    def style(self, text, name):
        return f"\033[{STYLES[name]}m{text}\033[m" if self.tty and name and text else text

    def line(self, text="", style=None):
        """A permanent line."""
        with self._lock:
            self._clear()
            for part in text.split("\n"):
                print(self.style(part, style))
            self._draw()
            sys.stdout.flush()

    @contextlib.contextmanager
    def wait(self, what, expected, after=0.0):
        """Shows progress while the body runs; yields the Wait."""
        wait = Wait(what, expected, after)
        over = threading.Event()

        def show():
            told = time.monotonic()
            while not over.wait(1.0):
                if self.tty:
                    with self._lock:
                        self._draw()
                        sys.stdout.flush()
                elif time.monotonic() - told >= LOG_INTERVAL:
                    told = time.monotonic()
                    self.line("    ... " + wait.text())

        thread = threading.Thread(target=show, daemon=True)
        self._wait = wait
        thread.start()
        try:
            yield wait
        finally:
            over.set()
            thread.join()
            with self._lock:
                self._clear()
                self._wait = None
                sys.stdout.flush()

    def _draw(self):
        wait = self._wait
        if self.tty and wait:
            try:
                width = os.get_terminal_size().columns
            except OSError:
                width = 80
            sys.stdout.write("\r\033[K" + self.style(("    " + wait.text())[:width - 1], "dim"))

    def _clear(self):
        if self.tty:
            sys.stdout.write("\r\033[K")
