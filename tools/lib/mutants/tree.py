# SPDX-License-Identifier: GPL-2.0-only
"""Copies of the source tree with build products.  One copy stays unchanged, so that work on the
sources can continue.  Each mutant gets a tree of links to it, in which make builds only what
depends on the file that the mutant changes.
"""

import os
import pathlib
import shutil
import subprocess

PARTS = ("include", "src", "tests", "tools/build", "tools/dmsnap", "Documentation", "build/unit")


class BuildFailed(Exception):
    pass


def copy(source, target, copy_file=shutil.copy2):
    """Copies the times of the files as well, because make compares them."""
    remove(target)
    for part in PARTS:
        shutil.copytree(source / part, target / part, copy_function=copy_file)


def remove(tree):
    shutil.rmtree(tree, ignore_errors=True)


def forget(tree, path):
    """Removes what was built from @path, because some tools write to existing files in place.

    The precompiled header includes only headers of libraries.
    """
    for depends in (tree / "build/unit").rglob("*.d"):
        if str(path) in depends.read_text().split():
            depends.with_suffix(".o").unlink()
    for made in (tree / "build/unit").iterdir():
        if made.is_file() and not made.name.startswith((".", "precompiled.")):
            made.unlink()


def link(source, target):
    copy(source, target, os.link)


def make(tree, *words):
    """The environment without that of a make above this, whose job server cannot be shared."""
    above = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")
    environment = {name: value for name, value in os.environ.items() if name not in above}
    return subprocess.run(("make", "--no-print-directory", *words), cwd=tree, env=environment, text=True, errors="replace",
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)


def build(tree, target, log):
    result = make(tree, "-f", "tools/build/unit.mk", "BUILD=build", target)
    log.write(result.stdout)
    if result.returncode:
        raise BuildFailed(next((line for line in result.stdout.splitlines() if "error:" in line), "make failed"))


def top():
    return pathlib.Path(__file__).resolve().parent.parent.parent.parent
