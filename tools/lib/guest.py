# SPDX-License-Identifier: GPL-2.0-only
"""Guests: their kernels, what they boot from, and the command that starts one.

A guest has a job directory (/job, read-only; its program is /job/main) and a results directory
(/results).  The scripts in tools/lib/guest run inside; guest_run.py starts and watches the guest.
"""

import ctypes
import dataclasses
import functools
import mmap
import os
import platform
import pathlib
import re
import shutil
import signal
import subprocess
import time

LIB = pathlib.Path(__file__).resolve().parent
TOP = LIB.parent.parent


def _stock_kernels():
    """The kernels of kernels.list: which runs of the tests use each, and its architecture."""
    lines = [line.split() for line in (LIB / "kernels.list").read_text().splitlines() if line and line[0] != "#"]
    return {line[0]: line[4] for line in lines}, {line[0]: line[2] for line in lines}


_KERNELS, _ARCHITECTURES = _stock_kernels()
STOCK_KERNELS = tuple(_KERNELS)                                                  # newest first
USUAL_KERNELS = tuple(name for name, runs in _KERNELS.items() if runs in ("all", "some"))   # on which every run has some tests
FULL_KERNELS = tuple(name for name, runs in _KERNELS.items() if runs != "few")       # with all tests of the long run
KERNELS = tuple(name for name in reversed(STOCK_KERNELS) if _KERNELS[name] == "all")    # all tests, oldest first
DEBUG_KERNELS = ("um", "smp")    # tools/build/debug-kernel says what they are


def architecture(kernel):
    """Debian's name of it."""
    return _ARCHITECTURES.get(kernel, "amd64")


# How many times slower a debug kernel is, or one of another architecture
SLOWNESS = {"um": 2.0, "smp": 4.0} | {name: 2.0 for name in STOCK_KERNELS if architecture(name) != "amd64"}


@functools.cache
def tsc_khz():
    """The rate of this machine's time stamp counter; 0 if unknown.

    The guests read this counter.  They would measure its rate with an emulated timer, and get it wrong
    on a busy machine: their clock has run up to 20 times too fast.
    """
    if platform.machine() != "x86_64":
        return 0
    try:
        page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:
        return 0
    page.write(bytes.fromhex("0f31 48c1e220 4809d0 c3"))     # rdtsc; shl rdx,32; or rax,rdx; ret
    counter = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(page)))

    def sample():
        """(time in ns, counter) of the attempt that was disturbed least."""
        attempts = []
        for _ in range(20):
            before = time.monotonic_ns()
            ticks = counter()
            attempts.append((time.monotonic_ns() - before, before, ticks))
        spent, before, ticks = min(attempts)
        return before + spent / 2, ticks

    first = sample()
    time.sleep(0.05)
    last = sample()
    return round((last[1] - first[1]) * 1e6 / (last[0] - first[0]))


def busy():
    """An estimate of how many times longer everything takes than on an idle machine."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


class GuestError(Exception):
    """The guest could not be started at all; the text says what to do."""


@dataclasses.dataclass
class Disk:
    path: str
    serial: str = ""
    cache: str = "writeback"
    readonly: bool = False
    nbd: bool = False              # path is the socket of a server, not a file


@dataclasses.dataclass
class Spec:
    kernel: str = "6.1"
    kind: str = "quick"            # quick: no udev | full: LVM2 and udev as on a real machine
                                   # own: like full, everything from root_image, including the modules
    module: str = "in-tree"        # ours: in updates/, where modprobe finds it first | in-tree
    load: bool = True              # load the module at boot
    disks: list = dataclasses.field(default_factory=list)
    mem: int = 1024                # MB
    smp: int = 2
    append: str = ""
    icount: bool = False
    qemu: tuple = ()               # more options for QEMU
    hung: int = 60                 # seconds until the kernel reports a blocked task
    mode: str = "job"              # job | shell
    root_image: str = ""           # of the own guest
    log: str = ""                  # a file that a port of the guest, dmsnap.log, writes


def guest_parts(kernel):
    """Paths of the guest's parts.  Builds them first if necessary."""
    done = subprocess.run([str(LIB / "guest-image"), kernel], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise GuestError("the guest's parts could not be built; does tools/setup succeed?")
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def build_program(source, directory, arch="amd64"):
    """Builds a program for guests from one C++ file; returns its path."""
    path = pathlib.Path(directory) / ("" if arch == "amd64" else arch) / pathlib.Path(source).stem
    path.parent.mkdir(exist_ok=True)
    done = subprocess.run(["g++-12" if arch == "amd64" else "aarch64-linux-gnu-g++-12", "-std=gnu++20", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-s",
                           "-o", str(path), str(source)], check=False)
    if done.returncode != 0:
        raise GuestError(f"{source} cannot be built; does tools/setup succeed?")
    return path


def build_tools():
    """Builds build/unit/dmsnap.  The full guest has the libraries that it needs."""
    done = subprocess.run(["make", "-s", "-C", str(TOP), "tools"], stdout=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise GuestError("the program dmsnap cannot be built; does tools/setup succeed?")


def own_module(release):
    path = TOP / "build" / release / "dm-snapshot.ko"
    if not path.exists():
        raise GuestError(f"{path.relative_to(TOP)} is not built yet: make KVER={release}"
                         " (debug kernels: tests/vm/debug)")
    return path


def compiler_of(module):
    """The compiler of the module's C++ code, as recorded in the module: "gcc 14.2.0"."""
    found = re.search(rb"GNU C\+\+\d+ (\d+\.\d+\.\d+)", pathlib.Path(module).read_bytes())
    return f"gcc {found[1].decode()}" if found else "unknown"


def align_up(data, to):
    return data + b"\0" * (-len(data) % to)


def initramfs_with(parts, module, work):
    """The initramfs with `module` in updates/, where modprobe prefers it.

    The kernel unpacks several archives in turn, so only the module and depmod's files are added.
    """
    release = parts["RELEASE"]
    tree = work / "overlay"
    shutil.copytree(parts["MODULES"], tree, copy_function=os.symlink)
    modules = tree / "lib/modules" / release
    (modules / "updates").mkdir()
    shutil.copyfile(module, modules / "updates/dm-snapshot.ko")
    for path in modules.glob("modules.*"):
        if path.name not in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
            path.unlink()
    depmod = shutil.which("depmod", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    subprocess.run([depmod, "-b", str(tree), release], check=True)
    names = [f"lib/modules/{release}/updates", f"lib/modules/{release}/updates/dm-snapshot.ko"]
    names += [str(path.relative_to(tree)) for path in sorted(modules.glob("modules.*")) if not path.is_symlink()]
    archive = subprocess.run(["cpio", "-o", "-H", "newc", "-R", "0:0", "--quiet"], cwd=tree, check=True,
                             input="\n".join(names).encode(), stdout=subprocess.PIPE).stdout
    shutil.rmtree(tree)
    result = work / "initramfs"
    with open(result, "wb") as out:
        out.write(align_up(pathlib.Path(parts["INITRAMFS"]).read_bytes(), 512))
        out.write(archive)
    return result


def command_of(spec, parts, job, results, work, output_fd=None):
    """The command that starts a guest; @job, @results: directories that it shares with the host."""
    initramfs = parts["INITRAMFS"]
    if spec.module == "ours":
        initramfs = initramfs_with(parts, own_module(parts["RELEASE"]), work)
    if spec.kind != "quick" and not (spec.root_image or parts["ROOT_IMAGE"]):
        raise GuestError(f"Linux {spec.kernel} has only the quick guest")
    if spec.kernel == "um":
        return _uml_command(spec, parts, initramfs, job, results)
    arm64 = architecture(spec.kernel) == "arm64"
    append = (f"console={'ttyAMA0' if arm64 else 'ttyS0'} panic=-1 oops=panic watchdog_thresh=60 printk.devkmsg=on sysrq_always_enabled"
              f" mitigations=off norandmaps no_timer_check tsc=reliable cryptomgr.notests random.trust_cpu=on"
              f" loglevel={5 if spec.mode == 'job' else 4}"
              f" dmsnap.kind={spec.kind} dmsnap.mode={spec.mode} dmsnap.module={spec.module if spec.load else 'none'}"
              f" dmsnap.hung={spec.hung} {spec.append}")
    command = ["setpriv", "--pdeathsig", "KILL",
               "qemu-system-aarch64" if arm64 else "qemu-system-x86_64",
               "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-m", str(spec.mem)]
    if arm64:
        # The emulated signatures of return addresses need not be secret, only quick
        command += ["-machine", "virt", "-cpu", "max,pauth-impdef=on"]
    else:
        command += ["-machine", "pc,hpet=off", "-cpu", "max"]
    if spec.kernel in DEBUG_KERNELS and "kmemleak=" not in spec.append:
        append += " kmemleak=off"     # twice as fast
    if spec.kernel == "smp":
        # With kmemleak the firmware's method for a device's interrupt hits its limit of 30 s
        append += " pci=noacpi"
    if spec.icount:
        # One instruction is one nanosecond of guest time, so measurements repeat.  Needs one CPU.
        command += ["-accel", "tcg,thread=single", "-smp", "1",
                    "-icount", "shift=0,align=off,sleep=off",
                    "-rtc", "base=2026-01-01,clock=vm"]
        append += " nokaslr"
    else:
        if khz := not arm64 and tsc_khz():
            append += f" tsc_early_khz={khz}"
        command += ["-accel", "tcg,thread=" + ("multi" if spec.smp > 1 else "single"), "-smp", str(spec.smp)]
    command += ["-kernel", parts["KERNEL"], "-initrd", str(initramfs), "-append", append,
                "-serial", "mon:stdio",
                "-device", "virtio-serial-pci", *spec.qemu]
    if output_fd is not None:
        command += ["-chardev", f"file,id=output,path=/dev/fd/{output_fd}",
                    "-device", "virtserialport,chardev=output,name=dmsnap.output"]
    if spec.log:
        # Without an eventfd the guest's output is in the file before the guest continues
        command += ["-device", "virtio-serial-pci,id=logs,ioeventfd=off",
                    "-chardev", f"file,id=log,path={spec.log}",
                    "-device", "virtserialport,bus=logs.0,chardev=log,name=dmsnap.log"]
    # mapped-xattr: on the host the guest's files have no set-uid bits, owners or device nodes of its
    # choice, although QEMU may run as root
    for tag, path, model in (("job", job, "passthrough,readonly=on"), ("results", results, "mapped-xattr")):
        command += ["-fsdev", f"local,id={tag},path={path},security_model={model},multidevs=remap",
                    "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]
    for number, disk in enumerate(spec.disks):
        if not os.path.exists(disk.path):
            raise GuestError(f"{disk.path}: no such disk file")
        command += _disk_options(disk, f"disk{number}", disk.serial or f"disk{number}")
    if spec.kind != "quick":
        # Last, so that the job's disks are vda, vdb ... in both guests
        command += _disk_options(Disk(spec.root_image or parts["ROOT_IMAGE"], readonly=True), "root", "dmsnap-root")
    return command


def _uml_command(spec, parts, initramfs, job, results):
    """User Mode Linux: a process of the host, which uses the shared directories directly."""
    if spec.kind != "quick" or spec.disks or spec.mode != "job":
        raise GuestError("User Mode Linux runs jobs in the quick guest, without virtio disks")
    return ["setpriv", "--pdeathsig", "KILL", parts["KERNEL"], f"mem={spec.mem}M", f"initrd={initramfs}",
            "con0=null,fd:1", "con=null", "panic=-1", "oops=panic", "printk.devkmsg=on", "loglevel=5",
            "dmsnap.kind=quick", "dmsnap.mode=job", f"dmsnap.hung={spec.hung}",
            f"dmsnap.module={spec.module if spec.load else 'none'}",
            f"dmsnap.job={job.resolve()}", f"dmsnap.results={results.resolve()}",
            *([] if "kmemleak=" in spec.append else ["kmemleak=off"]), *spec.append.split()]


def _disk_options(disk, name, serial):
    path = str(disk.path).replace(",", ",,")
    if disk.nbd:
        path = f"nbd+unix:///?socket={path}"
    return ["-drive", f"if=none,id={name},format=raw,file={path},cache={disk.cache},discard=unmap"
                      f",detect-zeroes=off,readonly={'on' if disk.readonly else 'off'}",
            "-device", f"virtio-blk-pci,drive={name},serial={serial}"]


def stop_on_signals():
    """Turns SIGTERM and SIGHUP into an exception, so that clean-up code runs."""
    def handler(number, _frame):
        raise SystemExit(128 + number)
    signal.signal(signal.SIGTERM, handler)
    signal.signal(signal.SIGHUP, handler)


def size_bytes(text):
    """"256M" -> bytes; None if it is not a size."""
    match = re.fullmatch(r"(\d+)([KMG]?)", text)
    return int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[match[2]] if match else None


def parse_disk(text, number, directory):
    """Parses SIZE or PATH, with ,serial= ,cache= ,ro, into a Disk (SIZE: a new sparse file)."""
    what, *options = text.split(",")
    disk = Disk(what)
    size = size_bytes(what)
    if size is not None:
        disk.path = str(pathlib.Path(directory) / f"disk{number}.img")
        with open(disk.path, "wb") as file:
            file.truncate(size)
    for option in options:
        name, _, value = option.partition("=")
        if name == "serial":
            disk.serial = value
        elif name == "cache":
            disk.cache = value
        elif name == "ro":
            disk.readonly = True
        else:
            raise GuestError(f"--disk {text}: unknown option {option!r} (serial=, cache=, ro)")
    return disk
