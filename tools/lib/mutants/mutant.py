# SPDX-License-Identifier: GPL-2.0-only
"""Mutant: a seeded defect as stored in tests/mutants: a unified diff of one file, and above it
what it breaks and which rule that is.

    # SPDX-License-Identifier: GPL-2.0-only
    # Breaks: a commit writes its entries without a preceding flush
    # Rule: data durable before its entry
    --- a/src/core/store/persistent_commit.cpp
    +++ b/src/core/store/persistent_commit.cpp
    @@ ...
"""

import dataclasses
import pathlib
import re

HEAD = re.compile(r"# SPDX-License-Identifier: GPL-2\.0-only\n# Breaks: (.+)\n# Rule: (.+)\n"
                  r"--- a/(\S+)\n\+\+\+ b/\3\n(?=@@ )")
HUNK = re.compile(r"^@@ .*\n", re.MULTILINE)


class Unfit(Exception):
    """A mutant is malformed, or does not apply to the sources any more."""


@dataclasses.dataclass(frozen=True)
class Mutant:
    name: str
    breaks: str
    rule: str
    path: pathlib.Path      # the file that it changes, relative to the top of the tree
    hunks: tuple            # pairs (lines before, lines after)

    @classmethod
    def load(cls, patch):
        text = patch.read_text()
        head = HEAD.match(text)
        if not head:
            raise Unfit(f"{patch.name}: does not begin as tools/lib/mutants/mutant.py says")
        breaks, rule, path = head.groups()
        hunks = tuple(cls._sides(body) for body in HUNK.split(text[head.end():])[1:])
        return cls(patch.stem, breaks, rule, pathlib.Path(path), hunks)

    @staticmethod
    def _sides(body):
        lines = body.splitlines(keepends=True)
        return ("".join(line[1:] for line in lines if line[0] in " -"),
                "".join(line[1:] for line in lines if line[0] in " +"))

    def applied(self, text):
        """The file's text with the defect.  Lines may have moved, but not changed."""
        for before, after in self.hunks:
            found = text.count(before)
            if found != 1:
                raise Unfit(f"{self.name}: its lines are {'not' if not found else f'{found} times'} in {self.path}")
            text = text.replace(before, after)
        return text

    def apply(self, top):
        file = top / self.path
        try:
            text = self.applied(file.read_text())
        except FileNotFoundError:
            raise Unfit(f"{self.name}: there is no {self.path}") from None
        # Not written in place, because it may be a hard link to the original
        file.unlink()
        file.write_text(text)


def load_all(directory):
    return [Mutant.load(patch) for patch in sorted(directory.glob("*.patch"))]
