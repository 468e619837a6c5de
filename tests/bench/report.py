# SPDX-License-Identifier: GPL-2.0-only
"""The report of tools/bench: one page with charts and tables, from the rows of
figures.json.  The charts are drawn by gnuplot.
"""

import html
import json
import subprocess

MODULES = ("in-tree", "ours")
CORNERS = {"": "100 µs", "1ms": "1 ms", "100us+cache": "100 µs, cache", "1ms+cache": "1 ms, cache"}
COLOURS = {"in-tree": "#888888", "ours": "#1f77b4"}
COUNTS = (1, 2, 4, 8, 16, 32)
EXCEPTIONS = {"1k": 1 << 10, "16k": 1 << 14, "128k": 1 << 17, "1m": 1 << 20, "8m": 1 << 23}

STYLE = """
body { font: 15px/1.45 sans-serif; max-width: 1250px; margin: 2em auto; padding: 0 1em; color: #222 }
table { border-collapse: collapse; margin: .5em 0 2em } th, td { padding: 2px 12px; text-align: right }
th:first-child, td:first-child { text-align: left } tr.scenario td { font-weight: bold; padding-top: .8em }
td.kept { color: #2a7a2a } td.missed { color: #b00; font-weight: bold } svg { max-width: 100%; height: auto }
"""


def identity(row):
    return row["suite"], row["kernel"], row["scenario"], row["figure"]


def as_lines(rows):
    """JSON with a line for each row, so that a change shows what has changed."""
    return "[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n"


class Figures:
    def __init__(self, rows):
        self.rows = {identity(row): row for row in rows}

    def get(self, *where):
        """The row of (suite, kernel, scenario, figure), or None."""
        return self.rows.get(where)

    def kernels(self):
        return sorted({kernel for _, kernel, _, _ in self.rows}, key=lambda name: [int(part) for part in name.split(".")])


def plot(commands, data):
    """An SVG drawing; @data is {name: rows of columns}, for the commands as $name."""
    blocks = "".join(f"${name} << END\n" + "\n".join(" ".join(map(str, row)) for row in rows) + "\nEND\n"
                     for name, rows in data.items())
    head = "set terminal svg size 1200,420 dynamic enhanced font 'sans,13' background 'white'\nset grid ytics lc rgb '#dddddd'\n"
    drawn = subprocess.run(["gnuplot"], input=head + blocks + commands, stdout=subprocess.PIPE, text=True, check=True)
    return drawn.stdout[drawn.stdout.index("<svg"):]


def quoted(text):
    return '"' + text.replace("_", "\\\\_") + '"'


def ratios(figures, kernel, suite):
    """Throughput of ours by that of in-tree, for each scenario and each kind of device."""
    rows = []
    for name in suite.scenarios:
        if "@" in name or name.startswith(("linear-", "thin-", "touch-open")):
            continue
        values = []
        for corner in CORNERS:
            found = [figures.get("io", kernel, f"{name}@{corner}" if corner else name, figure) for figure in ("mbs", "iops")]
            row = next((row for row in found if row), None)
            values.append(f"{row['ours'] / row['in-tree']:.3f}" if row else "nan")
        if set(values) != {"nan"}:
            rows.append((quoted(name), *values))
    if not rows:
        return ""
    # gnuplot refuses a column without any number
    columns = ", ".join(f"$ratios using {number + 1}:xtic(1) title '{words}'" for number, words in enumerate(CORNERS.values(), 1)
                        if any(row[number] != "nan" for row in rows))
    return plot("set style data histogram\nset style fill solid\nset boxwidth 0.9\nset logscale y 2\nset yrange [0.5:*]\n"
                "set ylabel 'times in-tree'\nset xtics rotate by -35 noenhanced\nset bmargin 7\n"
                f"plot 1 with lines lc rgb 'black' dt 2 notitle, {columns}\n", {"ratios": rows})


def lines(figures, suite, names, figure, label, commands):
    """One line for each module and kernel over @names, {scenario: x}."""
    data, plots = {}, []
    for kernel in figures.kernels():
        for module in MODULES:
            rows = [(x, row[module]) for name, x in names.items() if (row := figures.get(suite, kernel, name, figure))]
            if rows:
                block = f"data{len(data)}"
                data[block] = rows
                dash = 1 if kernel == figures.kernels()[0] else 2
                plots.append(f"${block} with linespoints pt 7 ps 0.5 lw 2 dt {dash} lc rgb '{COLOURS[module]}' title '{kernel} {module}'")
    if not data:
        return ""
    return plot(f"set ylabel '{label}'\nset key left\n{commands}plot {', '.join(plots)}\n", data)


def distribution(figures, kernel, scenario, percentiles):
    """How long requests take, up to the slowest of 10,000."""
    data, plots = {}, []
    for module in MODULES:
        rows = [(number, row[module], f'"{percent:g} %"') for number, (name, percent) in enumerate(percentiles.items())
                if (row := figures.get("io", kernel, scenario, name))]
        if rows:
            data[f"data{len(data)}"] = rows
            plots.append(f"$data{len(data) - 1} using 1:2:xtic(3) with linespoints pt 7 ps 0.5 lw 2"
                         f" lc rgb '{COLOURS[module]}' title '{module}'")
    if not data:
        return ""
    return plot(f"set ylabel 'us'\nset key left\nset logscale y\nplot {', '.join(plots)}\n", data)


def number(value, digits):
    return "-" if value is None else f"{value:,.{digits}f}"


def table(figures, kernel, suite):
    lines_of, last = [], None
    for figure in suite.figures:
        row = figures.get(suite.name, kernel, figure.scenario, figure.name)
        if not row or not figure.shown:
            continue
        if figure.scenario != last:
            last = figure.scenario
            lines_of.append(f"<tr class=scenario><td colspan=6>{html.escape(last)}: {html.escape(suite.scenarios[last])}</td></tr>")
        ratio = f"{row['ours'] / row['in-tree']:.2f}" if row["in-tree"] else "-"
        kept = {True: "<td class=kept>kept", False: "<td class=missed>missed", None: "<td>"}[row["kept"]]
        lines_of.append(f"<tr><td>{html.escape(figure.what)}</td><td>{number(row['in-tree'], figure.digits)}</td>"
                        f"<td>{number(row['ours'], figure.digits)}</td><td>{ratio}</td>"
                        f"<td>{number(row['limit'], figure.digits)}</td>{kept}</td></tr>")
    if not lines_of:
        return ""
    return ("<table><tr><th></th><th>in-tree</th><th>ours</th><th>ours / in-tree</th><th>limit</th><th></th></tr>\n"
            + "\n".join(lines_of) + "</table>\n")


def contention(rows):
    """A table of what tests/bench/contention has written down."""
    what = {"round": "all of it, s", "touch": "6 jobs write what is new, IOPS", "rewrite": "5 jobs write what is copied, IOPS",
            "read": "5 jobs read a snapshot, IOPS"}
    lines_of = []
    for row in rows:
        digits = 2 if row["figure"] == "round" else 0
        cells = "".join(f"<td>{number(row[module]['median'], digits)} ({number(row[module]['quartiles'][0], digits)} to"
                        f" {number(row[module]['quartiles'][1], digits)})</td>" for module in MODULES)
        lines_of.append(f"<tr><td>{row['kernel']}: {what[row['figure']]}</td>{cells}<td>{row['ratio']:.2f}</td></tr>")
    return ("<table><tr><th>median (quartiles)</th><th>in-tree</th><th>ours</th><th>ours / in-tree</th></tr>\n"
            + "\n".join(lines_of) + "</table>\n")


def write(path, rows, suites):
    """@suites: {name: Suite}"""
    figures = Figures(rows)
    parts = [f"<!doctype html><html lang=en><meta charset=utf-8><title>dmsnap: figures</title><style>{STYLE}</style>",
             "<h1>dmsnap beside the in-tree driver</h1>",
             "<p>Measured in the virtual time of guests (one instruction is one nanosecond, null_blk devices with an exact"
             " latency), so anyone gets the same digits. Made by <code>tools/bench</code>; one scenario again:"
             " <code>tools/bench --only SCENARIO</code>. What each scenario is: <code>tests/bench/io --help</code>.</p>"]

    def chart(title, drawing):
        if drawing:
            parts.append(f"<h2>{html.escape(title)}</h2>\n{drawing}")

    for kernel in figures.kernels():
        chart(f"Linux {kernel}: throughput, ours by in-tree", ratios(figures, kernel, suites["io"]))
    chart("First touches a second, by the number of snapshots",
          lines(figures, "io", {("touch" if count == 1 else f"touch-n{count}"): count for count in COUNTS}, "iops", "IOPS",
                "set logscale x 2\nset logscale y\nset xlabel 'snapshots'\n"))
    for figure, label, title in (("activation", "ms", "Activation, by the number of exceptions"),
                                 ("bytes", "bytes", "Memory for an exception, by their number")):
        chart(title, lines(figures, "exceptions", EXCEPTIONS, figure, label,
                           "set logscale x 2\n" + ("set logscale y\n" if label == "ms" else "set yrange [0:*]\n")))
    for kernel in figures.kernels():
        for scenario in ("touch-open", "touch", "snap-write"):
            chart(f"Linux {kernel}: how long each takes, {suites['io'].scenarios[scenario]}",
                  distribution(figures, kernel, scenario, suites["io"].percentiles))
    for kernel in figures.kernels():
        for suite in suites.values():
            if text := table(figures, kernel, suite):
                parts.append(f"<h2>Linux {kernel}: {html.escape(suite.name)}</h2>\n{text}")
    beside = path.with_name("contention.json")
    if beside.exists():
        parts.append("<h2>Sixteen jobs at once on two processors, in real time: <code>tests/bench/contention</code></h2>\n"
                     + contention(json.loads(beside.read_text())))
    path.write_text("\n".join(parts) + "\n")
