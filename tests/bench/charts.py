# SPDX-License-Identifier: GPL-2.0-only
"""The charts of the report, as SVG inside its page.  pygal draws them; they use the page's colours
and fonts, and nothing of what pygal adds for pages of its own (scripts, styles, links).
"""

import dataclasses
import html
import math
import re
import textwrap
import xml.etree.ElementTree as ET

import pygal

SVG = "http://www.w3.org/2000/svg"
ET.register_namespace("", SVG)

# Fits the 390 pixels of a telephone without scaling
WIDTH, HEIGHT, BAR, FRAME = 370, 260, 9, 55
# The line length of the page: lintian takes longer lines than 512 for a compiled page
COLUMNS = 120

# A colour stands for a driver or, in bars, for a kernel; lines of the second kernel are dashed
STYLE = """
svg { width: 100%; max-width: 480px; height: auto } svg text { font: 11px sans-serif; fill: var(--text) }
svg .background, svg .nofill { fill: none } svg .line { stroke: var(--line); fill: none }
svg .title, svg .x text { text-anchor: middle } svg .y text { text-anchor: end }
svg .vertical .x .guide, svg .horizontal .y .guide { opacity: 0 }
svg .color-0, svg .color-2 { --own: var(--in-tree) } svg .color-1, svg .color-3 { --own: var(--ours) }
svg.bars .color-0 { --own: var(--ours) } svg.bars .color-1 { --own: var(--newer) }
svg .reactive { fill: var(--own); stroke: var(--own) } svg.bars .reactive { stroke: none }
svg .line.reactive { fill: none; stroke-width: 2 } svg .serie-2 .line, svg .serie-3 .line { stroke-dasharray: 5 3 }
"""


@dataclasses.dataclass(frozen=True)
class Words:
    title: str
    text: str                  # describes the picture for screen readers
    x: str                     # the titles of the axes, with units
    y: str | None


def shortened(value):
    """Rounds numbers to one decimal: a tenth of a pixel."""
    return re.sub(r"-?\d+\.\d+", lambda match: f"{float(match[0]):.1f}".removesuffix(".0"), value)


def drawn(chart, words, kind):
    """A figure with pygal's drawing, without the parts that are only for a page of its own."""
    root = ET.fromstring(chart.render())
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in {f"{{{SVG}}}{name}" for name in ("defs", "desc", "title", "script")}:
                parent.remove(child)
    for element in root.iter():
        element.attrib.pop("id", None)
        for name, value in element.attrib.items():
            if name != "class":
                element.set(name, shortened(value))
    root.attrib.update({"class": kind, "role": "img", "aria-label": words.text})
    picture = textwrap.fill(ET.tostring(root, encoding="unicode"), COLUMNS, break_long_words=False, break_on_hyphens=False)
    return f"<figure><figcaption>{html.escape(words.title)}</figcaption>\n{picture}</figure>\n"


def options(words, label_size=11, **more):
    """@label_size: the font size for which pygal leaves room."""
    sizes = {"label_font_size": label_size, "major_label_font_size": label_size, "title_font_size": 11, "value_font_size": 11}
    return {"no_prefix": True, "js": (), "x_title": words.x, "y_title": words.y, "width": WIDTH, "height": HEIGHT,
            "show_legend": False, "margin": 4, "margin_right": 26, "truncate_label": -1,
            "style": pygal.style.Style(font_family="sans-serif", **sizes), **more}


def bars(words, series):
    """Horizontal bars that begin at 1; @series: {name: {label: value}}, all with the same labels."""
    labels = list(next(iter(series.values())))[::-1]
    values = [value for of in series.values() for value in of.values() if value is not None]
    marks = [2.0**power for power in range(math.floor(math.log2(min(values) + 0.1)), math.ceil(math.log2(max(values))) + 1)]
    chart = pygal.HorizontalBar(**options(words, label_size=10, height=FRAME + len(labels) * (len(series) * BAR + 5), zero=1,
                                          logarithmic=True, range=(min(marks[0], *values), marks[-1]), value_formatter="{:g}".format))
    chart.x_labels, chart.y_labels = labels, marks
    for name, of in series.items():
        chart.add(name, [of[label] for label in labels])
    return drawn(chart, words, "bars")


def steps(low, high):
    """The numbers 1, 2, 5, 10 ... between @low and @high, and one more at each end."""
    every = [digit * 10**power for power in range(-1, 8) for digit in (1, 2, 5)]
    first = max(place for place, value in enumerate(every) if value <= low)
    last = min(place for place, value in enumerate(every) if value >= high)
    return every[first:last + 1]


def lines(words, labels, series, logarithmic):
    """@series: {name: values}, with the values in the order of @labels."""
    values = [value for of in series.values() for value in of if value is not None]
    step = 10 ** math.floor(math.log10(max(values)))
    marks = steps(min(values), max(values)) if logarithmic else [step * count for count in range(math.ceil(max(values) / step) + 1)]
    chart = pygal.Line(**options(words, logarithmic=logarithmic, dots_size=2.5, value_formatter="{:,.10g}".format,
                                 range=(marks[0], marks[-1])))
    chart.x_labels, chart.y_labels = labels, marks
    for name, of in series.items():
        chart.add(name, of)
    return drawn(chart, words, "lines")
