# SPDX-License-Identifier: GPL-2.0-only
"""The table of mutants in Documentation/mutants.rst, between two comments."""

BEGIN, END = ".. Written by tools/mutants --document:\n", ".. End of what is written.\n"

TABLE = """
.. list-table::
   :header-rows: 1
   :widths: 22 44 28 6

   * - mutant
     - what it breaks
     - caught by
     - after
"""


def rows(outcomes):
    for outcome in outcomes:
        yield (f"   * - {outcome.mutant.name}\n"
               f"     - {outcome.mutant.breaks}\n"
               f"     - {outcome.by or outcome.word}\n"
               f"     - {outcome.seconds:.0f} s\n")


def write(file, outcomes):
    before, _, rest = file.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"{file} lacks the two comments")
    file.write_text(before + BEGIN + TABLE + "".join(rows(outcomes)) + "\n" + END + after)
