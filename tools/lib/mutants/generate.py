# SPDX-License-Identifier: GPL-2.0-only
"""Mutants made from the sources.  In each function of the core an operator is exchanged, a
condition or a constant is negated, or a statement is removed.

clang-format has formatted the sources, so it is enough to look at single lines: a binary operator
has a blank on each side and the brackets of a template have none, and a function's body is
between two braces on lines of their own, or in one line.
"""

import collections
import pathlib
import random
import re

from .mutant import Mutant

CORE = pathlib.Path("src/core")
KNOWN = pathlib.Path("tests/mutants/equivalent.list")
OPERATORS = {" == ": " != ", " != ": " == ", " < ": " <= ", " <= ": " < ", " > ": " >= ", " >= ": " > ",
             " && ": " || ", " || ": " && ", " + ": " - ", " - ": " + ", " += ": " -= ", " -= ": " += ",
             " |= ": " = ", " & ": " | ", " << ": " >> ", " >> ": " << "}
WORDS = {"true": "false", "false": "true", "break": "continue"}
CODE = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|//.*')
BODY = re.compile(r"(\t*)\{$")
IN_ONE_LINE = re.compile(r"\t+.*\) (?:const )?\{ .* \}$")
# A complete call or assignment that is no part of another statement, and no declaration
STATEMENT = re.compile(r"\t+[\w*(][\w.\->:\[\]()*&]*?(?:\(.*\)| [-+|&]?= .*);$")
NO_STATEMENT = re.compile(r"\t+(?:return|delete|static_assert|DMSNAP_ASSERT|co_)\b")


def masked(lines):
    """The lines with blanks in place of comments, strings and characters."""
    inside = False
    for line in lines:
        if inside:
            end = line.find("*/")
            inside = end < 0
            line = " " * len(line) if inside else " " * (end + 2) + line[end + 2:]
        line = CODE.sub(lambda found: " " * len(found[0]), line)
        while not inside and (begin := line.find("/*")) >= 0:
            end = line.find("*/", begin)
            inside = end < 0
            stop = len(line) if inside else end + 2
            line = line[:begin] + " " * (stop - begin) + line[stop:]
        yield "" if line.startswith("#") else line


def functions(lines):
    """[line numbers of a function's body] for each function; the lines are masked"""
    bodies, number = [], 0
    while number < len(lines):
        if found := BODY.match(lines[number]):
            end = next((i for i in range(number + 1, len(lines)) if lines[i] == found[1] + "}"), None)
            if end:
                bodies.append(list(range(number + 1, end)))
                number = end
        elif IN_ONE_LINE.match(lines[number]):
            bodies.append([number])
        number += 1
    return bodies


def changes(line, code, before):
    """(what is changed, the new line) of each mutant; @code: the masked line; @before: the code before it"""
    if "static_assert" in code or "DMSNAP_ASSERT" in code:
        return
    for old, new in OPERATORS.items():
        for found in re.finditer(re.escape(old), code):
            yield f"{old.strip()} is {new.strip()}", line[:found.start()] + new + line[found.end():]
    for old, new in WORDS.items():
        for found in re.finditer(rf"\b{old}\b", code):
            yield f"{old} is {new}", line[:found.start()] + new + line[found.end():]
    for found in re.finditer(r"(?<=[( ])!(?=[\w(])", code):
        yield "a condition is turned around", line[:found.start()] + line[found.end():]
    if found := re.match(r"(\t+(?:\} else )?(?:if|while) \()(.*)(\) ?\{?)$", code):
        yield "a condition is turned around", f"{line[:found.end(1)]}!({line[found.end(1):found.start(3)]}){line[found.start(3):]}"
    if STATEMENT.match(code) and not NO_STATEMENT.match(code) and before.rstrip().endswith((";", "{", "}", ":", ")", "else")):
        yield "a statement is left out", re.match(r"\t+", line)[0] + "(void)0;"


def known(top):
    """{(path, line, what is changed)} of mutants without a visible effect; the list has the reasons"""
    entries = set()
    for number, text in enumerate((top / KNOWN).read_text().splitlines(), 1):
        if text and not text.startswith("#"):
            fields = [field.strip() for field in text.split(" | ")]
            if len(fields) != 4:
                raise ValueError(f"{KNOWN}:{number}: not PATH | LINE | WHAT | REASON")
            entries.add(tuple(fields[:3]))
    return entries


class Generated(Mutant):
    """The mutants of a line, given by its number."""

    def applied(self, text):
        lines = text.splitlines(keepends=True)
        number, new = self.hunks
        lines[number] = new + "\n"
        return "".join(lines)


def mutants_of(top, path, equivalent):
    """A list of mutants for each function of a file."""
    lines = (top / path).read_text().splitlines()
    code = list(masked(lines))
    for body in functions(code):
        found = []
        for number in body:
            before = next((code[i] for i in range(number - 1, -1, -1) if code[i].strip()), "")
            for what, new in changes(lines[number], code[number], before):
                if (str(path), lines[number].strip(), what) not in equivalent:
                    name = f"{'-'.join(path.parts[2:])}-{number + 1}-{len(found)}"
                    found.append(Generated(name, f"{path}:{number + 1}: {what}", new.strip(), path, (number, new)))
        if found:
            yield found


def generate(top, count, seed, parts):
    """@count random mutants, one of each function before any function has a second one.

    @parts: if not empty, only files whose paths contain one of them
    """
    chance = random.Random(seed)
    equivalent = known(top)
    pools = []
    for path in sorted((top / CORE).rglob("*.[ch]pp")):
        path = path.relative_to(top)
        if not parts or any(part in str(path) for part in parts):
            pools += [chance.sample(found, len(found)) for found in mutants_of(top, path, equivalent)]
    chance.shuffle(pools)
    chosen, queue = [], collections.deque(pools)
    while queue and len(chosen) < count:
        pool = queue.popleft()
        chosen.append(pool.pop())
        if pool:
            queue.append(pool)
    return chosen, sum(map(len, pools)) + len(chosen)
