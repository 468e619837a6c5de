#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Makes the tables of Documentation/performance.rst from figures.json.  Rows and columns are
chosen here.

usage: tests/bench/tables.py [--check]      writes them, or only checks them
"""

import json
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
FIGURES = TOP / "Documentation/performance/figures.json"
DOCUMENT = TOP / "Documentation/performance.rst"
KERNELS, MODULES = ("6.1", "6.12"), ("in-tree", "ours")

# Rows of the tables: name, scenario and figure, number format, goal
MERGE = (
    ("512 random chunks, volatile cache: flushes", "counts", "flushes", "{:.0f}", "8 at most"),
    ("the same: metadata writes", "counts", "metadata", "{:.0f}", "8 at most"),
    ("rand-1ms: 2048 random chunks, 1 ms", "rand-1ms", "seconds", "{:.3f} s", "0.16 s"),
    ("rand-100us: the same at 100 us", "rand-100us", "seconds", "{:.3f} s", "0.11 s"),
    ("seq-100us: 32 MiB in sequence, 100 us", "seq-100us", "seconds", "{:.3f} s", "0.14 s"),
    ("wait-seq: longest wait", "wait-seq", "wait_max", "{:.2f} ms", "in-tree's"),
    ("wait-seq: p99", "wait-seq", "wait_p99", "{:.2f} ms", ""),
    ("wait-seq: the merge", "wait-seq", "seconds", "{:.3f} s", ""),
    ("wait-rand: longest wait", "wait-rand", "wait_max", "{:.2f} ms", "in-tree's"),
    ("wait-rand: p99", "wait-rand", "wait_p99", "{:.2f} ms", ""),
    ("wait-rand: the merge", "wait-rand", "seconds", "{:.3f} s", ""),
)
EXCEPTIONS = tuple(
    row for count, scenario in ((1 << 10, "1k"), (1 << 14, "16k"), (1 << 17, "128k"), (1 << 20, "1m"), (1 << 23, "8m"))
    for row in ((f"{count:,}: activation", scenario, "activation", "{:,.1f} ms", "a third of in-tree's" if scenario == "8m" else ""),
                ("removal", scenario, "removal", "{:,.1f} ms", "a quarter of in-tree's" if scenario == "8m" else ""),
                ("memory for each", scenario, "bytes", "{:.1f} bytes", "12 bytes" if scenario == "8m" else ""))
    if row[2] != "bytes" or scenario in ("1m", "8m"))
IO = (
    ("first touch, one at a time", "touch-qd1", "iops", "{:,.0f}", "1.1"),
    ("first touch", "touch", "iops", "{:,.0f}", "1.5"),
    ("first touch, chunks of 64 KiB", "touch-64k", "iops", "{:,.0f}", "1.4"),
    ("first touch, transient store", "touch-transient", "iops", "{:,.0f}", "1.4"),
    ("first touch, 16 snapshots", "touch-n16", "iops", "{:,.0f}", "3"),
    ("first touch, 1 MiB in sequence", "touch-seq", "mbs", "{:.1f}", "2.3"),
    ("first touch, as they come, p99 in us", "touch-open", "p99", "{:.0f}", "0.5"),
    ("first touch and fsync, cache", "touch-sync@100us+cache", "iops", "{:.0f}", "1"),
    ("rewrite, 1 snapshot", "rewrite-n1", "iops", "{:,.0f}", "0.97 of linear"),
    ("rewrite, 16 snapshots", "rewrite-n16", "iops", "{:,.0f}", "0.97 of linear"),
    ("rewrite of 1 MiB, origin I/Os", "rewrite-1m", "origin_per_io", "{:.2f}", "4 at most"),
    ("snapshot write, one at a time", "snap-write-qd1", "iops", "{:,.0f}", "1.7"),
    ("snapshot write", "snap-write", "iops", "{:,.0f}", "1.5"),
    ("4 KiB of 64 KiB, one at a time", "snap-part-qd1", "iops", "{:,.0f}", "1.8"),
    ("4 KiB of 64 KiB", "snap-part", "iops", "{:,.0f}", "1.4"),
    ("snapshot write, 1 MiB in sequence", "snap-seq-write", "mbs", "{:.1f}", "3"),
    ("snapshot read, 1 MiB in sequence", "snap-seq-read", "mbs", "{:.1f}", "1.8"),
    ("snapshot read", "snap-read", "iops", "{:,.0f}", "0.97 of linear"),
    ("origin reads for a chunk, 8 snapshots", "touch-n8", "origin_reads", "{:.2f}", "1 at most"),
    ("COW KiB for a chunk of 64 KiB", "touch-64k-qd1", "cow_written_kib", "{:.2f}", "68 at most"),
)
STREAMS = (
    ("4 KiB in sequence, one at a time, 20 us", "stream@20us", "iops", "{:,.0f}", "3.5"),
    ("the same, bare linear target", "linear-stream@20us", "iops", "{:,.0f}", ""),
    ("4 KiB in sequence, one at a time, 100 us", "stream", "iops", "{:,.0f}", "3.5"),
    ("the same, bare linear target", "linear-stream", "iops", "{:,.0f}", ""),
    ("8 KiB with fdatasync, 20 us, cache", "stream-sync@20us+cache", "iops", "{:,.0f}", "3"),
    ("the same, bare linear target", "linear-stream-sync@20us+cache", "iops", "{:,.0f}", ""),
    ("flushes of the COW device for each", "stream-sync@20us+cache", "cow_flushes", "{:.2f}", ""),
    ("four streams, 4 snapshots", "streams-n4", "iops", "{:,.0f}", "3"),
    ("ext4, files of 8 KiB with fsync, cache", "files-sync@100us+cache", "iops", "{:,.0f}", "2"),
    ("log with fdatasync, checkpoints, cache", "wal@100us+cache", "iops", "{:,.0f}", "2"),
)
PEAKS = tuple((what, scenario, "peak_kib", "{:,.0f}", "") for what, scenario in (
    ("first touch", "touch"), ("first touch, chunks of 64 KiB", "touch-64k"), ("first touch, 16 snapshots", "touch-n16"),
    ("first touch, 32 snapshots", "touch-n32"), ("first touch, 1 MiB in sequence", "touch-seq"),
    ("rewrite, 1 snapshot", "rewrite-n1"), ("rewrite, 16 snapshots", "rewrite-n16"), ("snapshot write", "snap-write"),
    ("snapshot write, 1 MiB in sequence", "snap-seq-write"), ("snapshot read", "snap-read")))
# dm-thin depends on neither module, so its figures come from either run
THIN = (("first touch", "thin-touch-64k", "touch-64k"), ("rewrite (ours: chunks of 4 KiB)", "thin-rewrite-64k", "rewrite-n1"),
        ("snapshot write of 4 KiB", "thin-part-64k", "snap-part"), ("snapshot read (ours: chunks of 4 KiB)", "thin-read-64k", "snap-read"))


def simple_table(rows):
    widths = [max(map(len, column)) for column in zip(*rows)]
    rule = " ".join("=" * width for width in widths)
    lines = [" ".join(f"{cell:<{width}}" for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join((rule, lines[0], rule, *lines[1:], rule)) + "\n"


class Tables:
    def __init__(self, figures):
        self.figures = {(row["suite"], row["scenario"], row["figure"], row["kernel"]): row for row in figures}

    def get(self, *where):
        row = self.figures.get(where)
        if row is None:
            raise ValueError(f"figures.json has no {' '.join(where)}")
        return row

    def compared(self, suite, name, rows):
        """In-tree and ours on each kernel, and the goals if there are any."""
        asked_of_some = any(asked for *_, asked in rows)
        table = [(name, *(f"{module}, {kernel}" for kernel in KERNELS for module in MODULES), *(["asked"] if asked_of_some else []))]
        for what, scenario, figure, form, asked in rows:
            of = [self.get(suite, scenario, figure, kernel) for kernel in KERNELS]
            cells = [form.format(row[module]) for row in of for module in MODULES]
            missed = [row["kernel"] for row in of if row["kept"] is False]
            if bool(asked) != any(row["kept"] is not None for row in of):
                raise ValueError(f"{suite} {scenario} {figure}: there is a goal in the file but not here, or the other way around")
            if missed:
                asked += " (missed)" if len(missed) == len(KERNELS) else f" (missed on {missed[0]})"
            table.append((what, *cells, *([asked] if asked_of_some else [])))
        return simple_table(table)

    def thin(self):
        table = [("scenario", *(f"{whose}, {kernel}" for kernel in KERNELS for whose in ("thin", "ours")))]
        for what, theirs, ours in THIN:
            table.append((what, *(f"{self.get('io', scenario, 'iops', kernel)[module]:,.0f}"
                                  for kernel in KERNELS for module, scenario in zip(MODULES, (theirs, ours)))))
        return simple_table(table)

    def all(self):
        return {"merge": self.compared("merge", "scenario", MERGE), "exceptions": self.compared("exceptions", "exceptions", EXCEPTIONS),
                "io": self.compared("io", "scenario", IO), "thin": self.thin(),
                "streams": self.compared("io", "scenario", STREAMS), "peaks": self.compared("io", "scenario", PEAKS)}


def with_tables(text, tables):
    """The document's text with the tables between their comments."""
    for name, table in tables.items():
        begin, end = f".. Made by tests/bench/tables.py: {name}\n", ".. End of what is made.\n"
        text, found = re.subn(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _, new=f"{begin}\n{table}\n{end}": new, text, flags=re.DOTALL)
        if found != 1:
            raise ValueError(f"{DOCUMENT.name} has {found} places for the table {name}")
    return text


def write(check=False):
    """Returns whether the document was up to date."""
    old = DOCUMENT.read_text()
    new = with_tables(old, Tables(json.loads(FIGURES.read_text())).all())
    if not check and new != old:
        DOCUMENT.write_text(new)
    return new == old


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    check = bool(sys.argv[1:])
    try:
        right = write(check)
    except ValueError as error:
        print(f"tests/bench/tables.py: {error}", file=sys.stderr)
        return 1
    if check and not right:
        print("tests/bench/tables.py: the tables of Documentation/performance.rst do not match figures.json; run tests/bench/tables.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
