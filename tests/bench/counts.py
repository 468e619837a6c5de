# SPDX-License-Identifier: GPL-2.0-only
"""Counts the instructions that a guest executes, by function.  A QEMU plugin counts them, also with
interrupts off, where a profiler in the guest is blind.
"""

import bisect
import collections
import subprocess

from suite import HERE, TIME_LIMIT, CannotRun, guests, prepared_guest

KERNEL_HALF = 1 << 63


def build_plugin(folder):
    """Builds the plugin in @folder and returns its path."""
    plugin = folder / "plugin.so"
    subprocess.run(("gcc-12", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden",
                    "-o", plugin, HERE / "profile-plugin.c"), check=True)
    return plugin


def play(folder, plugin, files, command, **spec):
    """Counts by function; @command must copy the guest's /proc/kallsyms to /results/kallsyms.

    @files and @command as for prepared_guest(), @spec for the guest
    """
    guest = prepared_guest(folder, guests.Spec(qemu=("-plugin", f"{plugin},output={folder / 'blocks'}"), **spec), files, command)
    outcome = guest.run(timeout=TIME_LIMIT)
    if not outcome.ok:
        raise CannotRun("\n    ".join([outcome.reason, *outcome.lines[:40], f"log: {folder / 'console.log'}"]))
    return read_counts(folder)


def read_counts(folder):
    symbols = sorted((int(address, 16), " ".join(words)) for address, kind, *words in
                     map(str.split, (folder / "results/kallsyms").read_text().splitlines()) if kind in "tTwW")
    addresses = [address for address, _ in symbols]
    functions = collections.Counter()
    for line in (folder / "blocks").read_text().splitlines():
        address, instructions, executions = (int(word, base) for word, base in zip(line.split(), (16, 10, 10)))
        name = symbols[bisect.bisect(addresses, address) - 1][1] if address >= KERNEL_HALF else "(programs)"
        functions[name] += instructions * executions
    return functions
