# SPDX-License-Identifier: GPL-2.0-only
"""Results of guest tests that never change, kept for the next run.

A transcript of the in-tree driver stays the same as long as the kernel, the guest, the case and its
libraries do, and it takes as long to run as one of ours.  A case with "# keeps: FILE" finds this
result of its last good run as /job/vm/kept/FILE.
"""

import hashlib
import os
import pathlib
import shutil


def key(parts, directory, case_file):
    """@parts: what the guest boots from; the file names contain hashes of the contents."""
    hashed = hashlib.sha256(f"{parts['KERNEL']} {parts['INITRAMFS']}".encode())
    files = [pathlib.Path(case_file), *directory.glob("lib*.sh"), *(directory / "transcripts").iterdir()]
    for path in sorted(files, key=lambda path: path.name):
        hashed.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return hashed.hexdigest()[:16]


class Kept:
    def __init__(self, cache):
        self.directory = pathlib.Path(cache) / "kept"

    def path(self, kernel, name, of):
        return self.directory / f"{kernel}-{name}-{of}"

    def give(self, kernel, name, of, to):
        """Copies the kept result to where the case expects it."""
        path = self.path(kernel, name, of)
        if path.is_file():
            to.parent.mkdir(exist_ok=True)
            shutil.copy(path, to)

    def take(self, kernel, name, of, result):
        """Keeps the result of the case, and removes its results with other keys."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.path(kernel, name, of)
        new = path.with_name(f".{path.name}.{os.getpid()}")
        shutil.copy(result, new)
        new.replace(path)
        for old in self.directory.glob(f"{kernel}-{name}-*"):
            if old != path:
                old.unlink(missing_ok=True)
