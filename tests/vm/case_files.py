# SPDX-License-Identifier: GPL-2.0-only
"""Cases of the guest tests: parses the headers of their files, which lib.sh describes."""

import dataclasses
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tools/lib"))
import guest as guests  # noqa: E402  pylint: disable=wrong-import-position


class CaseError(Exception):
    """The header of a case is wrong."""


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    summary: str
    guest: str = "quick"
    modules: tuple = ("ours",)     # of each boot
    kernels: tuple = guests.STOCK_KERNELS
    default: tuple = guests.KERNELS    # the kernels without --full
    disks: tuple = ()
    timeout: float = 60.0
    mem: int = 1024
    smp: int = 2
    append: str = ""
    fresh: bool = False
    tools: tuple = ()              # programs of build/unit
    keeps: str = ""                # the name of a result that is kept for the next run

    @property
    def boots(self):
        return len(self.modules)

    def processors(self, kernel):
        """One if the case runs nothing concurrently; the kernel smp always has two."""
        return 2 if kernel == "smp" else self.smp


def read_case(path):
    fields = {}
    for line in path.read_text().splitlines():
        match = re.match(r"# ([a-z]+): +(.*\S)", line)
        if not match:
            break
        if match[1] in fields:
            raise CaseError(f"{path.name}: two header lines '# {match[1]}:'")
        fields[match[1]] = match[2]

    def wrong(text):
        return CaseError(f"{path.name}: {text}")

    known = {"summary", "guest", "module", "modules", "kernels", "default", "disks", "timeout", "mem", "smp",
             "boots", "append", "fresh", "tools", "keeps"}
    unknown = sorted(set(fields) - known)
    if unknown:
        raise wrong(f"unknown header line '# {unknown[0]}:' (known: {', '.join(sorted(known))})")
    if "summary" not in fields:
        raise wrong("the first lines must be headers, one of them '# summary: ...'")
    boots = int(fields.get("boots", "1"))
    modules = tuple(fields.get("modules", fields.get("module", "ours")).split())
    if len(modules) == 1:
        modules *= boots
    if len(modules) != boots:
        raise wrong(f"{boots} boots, but {len(modules)} modules")
    kernels = fields.get("kernels", "stock").replace("stock", " ".join(guests.STOCK_KERNELS))
    # For another architecture there is neither a full guest nor a build of the tools
    elsewhere = fields.get("guest", "quick") != "quick" or "tools" in fields
    kernels = tuple(k for k in kernels.split() if not (elsewhere and guests.architecture(k) != "amd64"))
    default = fields.get("default", " ".join(k for k in kernels if k in guests.KERNELS + guests.DEBUG_KERNELS))
    default = tuple(kernel for kernel in default.split() if kernel != "none")
    disks = tuple(fields.get("disks", "").split())
    for what, values, allowed in (("guest", [fields.get("guest", "quick")], ("quick", "full", "own")),
                                  ("module", modules, ("ours", "in-tree")),
                                  ("kernels", kernels, guests.STOCK_KERNELS + guests.DEBUG_KERNELS),
                                  ("default", default, kernels)):
        for value in values:
            if value not in allowed:
                raise wrong(f"{what}: '{value}' is not one of {', '.join(allowed)}")
    for disk in disks:
        if guests.size_bytes(disk) is None:
            raise wrong(f"disks: '{disk}' is not a size like 256M")
    return Case(path.stem, fields["summary"], fields.get("guest", "quick"), modules, kernels, default, disks,
                float(fields.get("timeout", "60")), int(fields.get("mem", "1024")),
                int(fields.get("smp", "2")), fields.get("append", ""), fields.get("fresh", "no") == "yes",
                tuple(fields.get("tools", "").split()), fields.get("keeps", ""))


def belongs(options, kernel, case):
    """Does this run include the case?  A case that is named runs at full length."""
    if options.full or options.names:
        return kernel in case.kernels
    if kernel in guests.KERNELS + guests.DEBUG_KERNELS:
        return kernel in case.default
    return kernel in case.kernels and bool(case.default)


def kernels_text(kernels):
    return ",".join(kernels).replace(",".join(guests.STOCK_KERNELS), "stock")
