# SPDX-License-Identifier: GPL-2.0-only
"""The report of tools/bench: one page with a summary, charts and tables, from the rows of
figures.json.  It has everything in itself: no script, and no network.
"""

import html
import itertools
import json
import re
import statistics

import charts
import tables

MODULES = ("in-tree", "ours")
CORNERS = {"": "100 µs", "100us+cache": "100 µs, cache", "1ms": "1 ms", "1ms+cache": "1 ms, cache",
           "20us": "20 µs", "20us+cache": "20 µs, cache"}
COUNTS = (1, 2, 4, 8, 16, 32)
EXCEPTIONS = {"1k": "1,024", "16k": "16,384", "128k": "131,072", "1m": "1 million", "8m": "8 million"}
LATENCIES = {"touch": "first touch, 32 at a time", "touch-open": "first touch, as they come", "snap-write": "snapshot write, 32 at a time"}
SAME = 0.01                    # smaller differences count as none
BARS_MIN = 3                   # fewer do not need a chart

STYLE = """
:root { color-scheme: light dark; --text: #222; --back: #fff; --line: #ccc; --in-tree: #777; --ours: #1668a8; --newer: #e08a1e;
  --good: #1e6b1e; --bad: #b00020 }
@media (prefers-color-scheme: dark) { :root { --text: #ddd; --back: #16181c; --line: #444; --in-tree: #999; --ours: #5aa9e6;
  --newer: #f0a848; --good: #7ccf7c; --bad: #ff7a85 } }
body { font: 15px/1.45 sans-serif; max-width: 1300px; margin: 0 auto; padding: 0 12px 3em; color: var(--text); background: var(--back) }
h1 { font-size: 1.5em } h2 { font-size: 1.2em; margin-top: 2em } figure { margin: 0 }
figcaption { font-weight: bold; margin: .3em 0 } i { display: inline-block; width: 1.6em; border-top: 3px solid; vertical-align: middle }
.charts { display: grid; gap: 1.5em; grid-template-columns: repeat(auto-fill, minmax(min(100%, 350px), 1fr)) }
.wide { overflow-x: auto } table { border-collapse: collapse; font-size: 13px } summary { cursor: pointer; padding: .25em 0 }
th, td { padding: 2px 8px; text-align: right; white-space: nowrap } th { font-weight: normal; border-bottom: 1px solid var(--line) }
th:first-child { text-align: left; white-space: normal; min-width: 9em; border: 0 } .kept { color: var(--good) } .missed { color: var(--bad) }
""" + charts.STYLE


def identity(row):
    return row["suite"], row["kernel"], row["scenario"], row["figure"]


def as_lines(rows):
    """JSON with one row a line, for readable diffs."""
    return "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n"


def number(value, digits):
    return "-" if value is None else f"{value:,.{digits}f}"


def times(row):
    """How many times as fast as in-tree; None if it is not known."""
    return row["ours"] / row["in-tree"] if row and row["in-tree"] else None


def at(name, corner):
    return f"{name}@{corner}" if corner else name


class Figures:
    def __init__(self, rows):
        self.rows = {identity(row): row for row in rows}

    def get(self, *where):
        """The row of (suite, kernel, scenario, figure), or None."""
        return self.rows.get(where)

    def kernels(self):
        return sorted({kernel for _, kernel, _, _ in self.rows}, key=lambda name: [int(part) for part in name.split(".")])

    def releases(self):
        return sorted({row["release"] for row in self.rows.values()})

    def throughput(self):
        """[(times in-tree, row)] of all workloads through the driver, slowest first."""
        found = [(times(row), row) for row in self.rows.values()
                 if row["figure"] in ("iops", "mbs") and not row["scenario"].startswith(("linear-", "free-linear", "thin-", "touch-open"))]
        return sorted((pair for pair in found if pair[0] is not None), key=lambda pair: pair[0])


# --- Summary ---

def named(row, suites):
    return f"{suites[row['suite']].scenarios[row['scenario']]} (Linux {row['kernel']})"


def summary(figures, suites, measured):
    found = figures.throughput()
    better = [pair for pair in found if pair[0] > 1 + SAME]
    worse = [pair for pair in found if pair[0] < 1 - SAME]
    limits = [row["kept"] for row in figures.rows.values() if row["kept"] is not None]
    lines_of = [f"Throughput: of {len(found)} comparisons {len(better)} are faster than the in-tree driver,"
                f" {len(found) - len(better) - len(worse)} the same within {SAME:.0%}, {len(worse)} slower;"
                f" the median is {statistics.median(ratio for ratio, _ in found):.2f} times in-tree's.",
                f"Most: {found[-1][0]:.1f} times, {named(found[-1][1], suites)}. Least: {found[0][0]:.2f} times,"
                f" {named(found[0][1], suites)}."]
    newest = figures.kernels()[-1]
    for what, where, unit, digits in (("A merge of 2048 random chunks, 1 ms devices", ("merge", newest, "rand-1ms", "seconds"), "s", 3),
                                      ("Activation with 8 million exceptions", ("exceptions", newest, "8m", "activation"), "ms", 0),
                                      ("Memory for each of them", ("exceptions", newest, "8m", "bytes"), "bytes", 1)):
        if row := figures.get(*where):
            lines_of.append(f"{what}: {number(row['ours'], digits)} {unit}, in-tree {number(row['in-tree'], digits)} {unit} (Linux {newest}).")
    lines_of.append(f"Limits that were set: {sum(limits)} of {len(limits)} are kept; the tables mark those that are missed.")
    slower = "".join(f"<li>{ratio:.2f} times: {html.escape(named(row, suites))}</li>\n" for ratio, row in worse)
    return ("<h1>dmsnap beside the in-tree driver</h1>\n"
            f"<p>Last measured on <time>{measured['date']}</time>, commit <code>{measured['commit']}</code>, Linux"
            f" {' and '.join(figures.releases())}.</p>\n<h2>What is better</h2>\n<ul>\n"
            + "".join(f"<li>{html.escape(line)}</li>\n" for line in lines_of) + "</ul>\n"
            + (f"<details><summary>What is slower ({len(worse)})</summary><ul>\n{slower}</ul></details>\n" if worse else "")
            + "<p>Times are virtual: in the guests one instruction is one nanosecond, and devices (null_blk) have an exact latency."
              " So they are the same on every machine. <code>tools/bench</code> makes this page; <code>tools/bench --only SCENARIO</code>"
              " measures one scenario again.</p>\n")


# --- Charts ---

def ratios(figures, corner):
    """Throughput of ours by that of in-tree, on each kernel."""
    series = {kernel: {} for kernel in figures.kernels()}
    for what, scenario, figure, *_ in tables.IO + tables.STREAMS:
        name = at(scenario.partition("@")[0], corner)
        of = {kernel: times(figures.get("io", kernel, name, figure)) for kernel in series}
        if figure in ("iops", "mbs") and not name.startswith("linear") and any(of.values()):
            for kernel, ratio in of.items():
                series[kernel][re.sub(r", (cache|\d+ us)", "", what)] = ratio
    if len(series[figures.kernels()[0]]) < BARS_MIN:
        return ""
    newest = figures.kernels()[-1]
    told = "; ".join(f"{what} {ratio:.2f}" for what, ratio in series[newest].items() if ratio)
    return charts.bars(charts.Words(f"Throughput, devices of {CORNERS[corner]}",
                                    f"Bars: throughput as a multiple of the in-tree driver's, devices of {CORNERS[corner]}."
                                    f" On Linux {newest}: {told}.", "times in-tree", None), series)


def compared(figures, suite, scenarios, figure, words, logarithmic=True):
    """A line for each module and kernel over @scenarios, {name: label}."""
    series = {}
    for kernel, module in itertools.product(figures.kernels(), MODULES):
        values = [row[module] if (row := figures.get(suite, kernel, name, figure)) else None for name in scenarios]
        if any(values):
            series[f"{kernel} {module}"] = values
    if not series:
        return ""
    ends = "; ".join(f"{name} from {number(have[0], 1)} to {number(have[-1], 1)}" for name, values in series.items()
                     if (have := [value for value in values if value is not None]))
    words = charts.Words(words.title, f"Lines: {words.y}, by {words.x}. {ends}.", words.x, words.y)
    # Leave out scenarios that no kernel has
    have = [place for place in range(len(scenarios)) if any(values[place] is not None for values in series.values())]
    return charts.lines(words, [list(scenarios.values())[place] for place in have],
                        {name: [values[place] for place in have] for name, values in series.items()}, logarithmic)


def latencies(figures, scenario, title, percentiles):
    """How long requests take, up to the slowest of 10,000."""
    series = {}
    for kernel, module in itertools.product(figures.kernels(), MODULES):
        values = [row[module] if (row := figures.get("io", kernel, scenario, name)) else None for name in percentiles]
        if None not in values:
            series[f"{kernel} {module}"] = values
    if not series:
        return ""
    told = "; ".join(f"{name} p50 {number(values[2], 0)}, p99 {number(values[4], 0)}" for name, values in series.items())
    return charts.lines(charts.Words(f"Latency: {title}", f"Lines: latency in microseconds by percentile. {told}.", "percentile", "µs"),
                        [f"{percent:g}" for percent in percentiles.values()], series, True)


def all_charts(figures, suites):
    older, *newer = figures.kernels()
    key = (f'<p><i style="color:var(--in-tree)"></i> in-tree, <i style="color:var(--ours)"></i> ours; Linux {older} solid'
           + "".join(f", {kernel} dashed" for kernel in newer) + "</p>\n")
    bar_key = f'<p><i style="color:var(--ours)"></i> Linux {older}' + \
        "".join(f', <i style="color:var(--newer)"></i> Linux {kernel}' for kernel in newer) + "; a bar to the right: ours is faster</p>\n"
    drawings = [compared(figures, "io", {"touch" if count == 1 else f"touch-n{count}": str(count) for count in COUNTS}, "iops",
                         charts.Words("First touches", "", "snapshots", "writes a second")),
                compared(figures, "exceptions", EXCEPTIONS, "activation", charts.Words("Activation", "", "exceptions", "ms")),
                compared(figures, "exceptions", EXCEPTIONS, "bytes", charts.Words("Memory for an exception", "", "exceptions", "bytes"), False),
                *(latencies(figures, scenario, title, suites["io"].percentiles) for scenario, title in LATENCIES.items())]
    return ("<h2>Throughput</h2>\n" + bar_key + "<div class=charts>\n" + "".join(ratios(figures, corner) for corner in CORNERS) + "</div>\n"
            "<h2>By number, and by percentile</h2>\n" + key + "<div class=charts>\n" + "".join(drawings) + "</div>\n")


# --- Tables ---

def cell(row, figure):
    """The values of in-tree and ours, and the limit."""
    if not row:
        return "<td><td>"
    mark = {True: " class=kept", False: " class=missed", None: ""}[row["kept"]]
    asked = "" if row["kept"] is None else f" (limit {number(row['limit'], figure.digits)}, {'kept' if row['kept'] else 'missed'})"
    return f"<td>{number(row['in-tree'], figure.digits)}<td{mark}>{number(row['ours'], figure.digits)}{asked}"


def workload(figures, kernel, suite, name, corners):
    """A table of one workload, for the devices on which it was measured."""
    shown = [figure for figure in suite.figures if figure.scenario == at(name, corners[0]) and figure.shown]
    rows, first = [], None
    for figure in shown:
        of = [figures.get(suite.name, kernel, at(name, corner), figure.name) for corner in corners]
        if figure.name.startswith(("origin_", "cow_")):    # shown once: the number of I/Os hardly depends on the device
            of = of[:1]
        if any(row and (row["in-tree"] or row["ours"]) for row in of):
            first = first or of[0]
            rows.append(f"<tr><th>{html.escape(figure.what.replace('us, ', 'µs, '))}" + "".join(cell(row, figure) for row in of))
    if not rows:
        return ""
    ratio = f" ({times(first):.2f} times in-tree)" if times(first) else ""
    heads = "".join(f"<th colspan=2>{CORNERS[corner]}" for corner in corners)
    return (f"<details><summary>{name}: {html.escape(suite.scenarios[at(name, corners[0])])}{ratio}</summary><div class=wide><table>\n"
            f"<tr><th>{heads}\n<tr><th>{'<th>in-tree<th>ours' * len(corners)}\n" + "\n".join(rows) + "</table></div></details>\n")


def by_workload(figures, kernel, suite):
    corners_of = {}
    for scenario in suite.scenarios:
        name, _, corner = scenario.partition("@")
        if any(figures.get(suite.name, kernel, scenario, figure) for figure in ("iops", "mbs")):
            corners_of.setdefault(name, []).append(corner)
    return "".join(workload(figures, kernel, suite, name, corners) for name, corners in corners_of.items())


def simple(figures, kernel, suite):
    rows = [f"<tr><th>{html.escape(suite.scenarios[figure.scenario])}: {html.escape(figure.what)}{cell(row, figure)}" for figure in suite.figures
            if figure.shown and (row := figures.get(suite.name, kernel, figure.scenario, figure.name))]
    return ("<div class=wide><table>\n<tr><th><th>in-tree<th>ours\n" + "\n".join(rows) + "</table></div>\n") if rows else ""


def contention(rows):
    """A table of the figures that tests/bench/contention has written."""
    what = {"round": "all of it, s", "touch": "6 jobs write what is new, IOPS", "rewrite": "5 jobs write what is copied, IOPS",
            "read": "5 jobs read a snapshot, IOPS"}
    lines_of = []
    for row in rows:
        digits = 2 if row["figure"] == "round" else 0
        cells = "".join(f"<td>{number(row[module]['median'], digits)} ({number(row[module]['quartiles'][0], digits)} to"
                        f" {number(row[module]['quartiles'][1], digits)})" for module in MODULES)
        lines_of.append(f"<tr><th>{row['kernel']}: {what[row['figure']]}{cells}<td>{row['ratio']:.2f}")
    return ("<div class=wide><table>\n<tr><th>median (quartiles)<th>in-tree<th>ours<th>ours / in-tree\n" + "\n".join(lines_of)
            + "</table></div>\n")


def all_tables(figures, suites):
    parts = ["<h2>All figures</h2>\n<p>Latencies in µs. I/Os are counted on the first kind of device alone;"
             " <code>figures.json</code> beside this page has them all.</p>\n"]
    for kernel in figures.kernels():
        for suite in suites.values():
            if text := by_workload(figures, kernel, suite) if suite.name == "io" else simple(figures, kernel, suite):
                parts.append(f"<h2>Linux {kernel}: {html.escape(suite.name)}</h2>\n{text}")
    return "".join(parts)


def write(path, rows, suites, measured):
    """@suites: {name: Suite}; @measured: date and commit of the last figures."""
    figures = Figures(rows)
    page = ("<!doctype html>\n<html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width, initial-scale=1\">"
            f"<title>dmsnap: figures</title><style>{STYLE}</style>\n"
            + summary(figures, suites, measured) + all_charts(figures, suites) + all_tables(figures, suites))
    beside = path.with_name("contention.json")
    if beside.exists():
        page += ("<h2>Sixteen jobs at once on two processors, in real time</h2>\n<p><code>tests/bench/contention</code></p>\n"
                 + contention(json.loads(beside.read_text())))
    path.write_text(page)
