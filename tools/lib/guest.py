# SPDX-License-Identifier: GPL-2.0-only
"""Starts a QEMU guest, watches it, and reports how it ended.

A guest gets a job directory (read-only, /job there, its program /job/main) and
a results directory (/results).  While it runs, its console is searched for
kernel splats, and time limits are enforced; in any case QEMU has ended at the
end.  tools/lib/guest/ runs inside.
"""

import ctypes
import dataclasses
import functools
import mmap
import os
import platform
import pathlib
import re
import selectors
import shutil
import signal
import subprocess
import tempfile
import time

LIB = pathlib.Path(__file__).resolve().parent
TOP = LIB.parent.parent


def _stock_kernels():
    """The kernels of kernels.list, and in which runs of the tests each is used."""
    lines = [line.split() for line in (LIB / "kernels.list").read_text().splitlines() if line and line[0] != "#"]
    return {line[0]: line[3] for line in lines}


_KERNELS = _stock_kernels()
STOCK_KERNELS = tuple(_KERNELS)                                                  # newest first
USUAL_KERNELS = tuple(name for name, runs in _KERNELS.items() if runs != "full")    # on which every run has some tests
KERNELS = tuple(name for name in reversed(STOCK_KERNELS) if _KERNELS[name] == "all")    # all tests, oldest first
DEBUG_KERNELS = ("um", "smp")    # tools/build/debug-kernel says what they are

# How much longer everything takes in a debug kernel
SLOWNESS = {"um": 2.0, "smp": 4.0}

# Lines of the kernel's log that mean a failure, whatever the
# job itself says.  Matched anywhere in the line: a line of the console can
# start with a piece of another one.  (The driver says "unable to handle snapshot
# disk version".)
SPLAT = re.compile(
    r"BUG:|WARNING:|Oops|general protection fault|Kernel panic|kernel BUG at"
    r"|INFO: task .* blocked for more than|INFO: rcu|soft lockup|hard LOCKUP"
    r"|rcu.*(stall|self-detected)|UBSAN|KASAN|KCSAN|KFENCE|kmemleak: .* new suspected"
    r"|possible circular locking|possible recursive locking|inconsistent lock state"
    r"|suspicious RCU usage|Internal error|[Uu]nable to handle (?!snapshot disk version)|double fault"
    r"|refcount_t:|list_(add|del) corruption|sleeping function called|scheduling while atomic"
    r"|Out of memory: Killed process|Bad page state|Call Trace:")

# Printed by the guest itself (say_host in guest/guest.sh)
GUEST_LINE = re.compile(r"dmsnap: (.*)")

BOOT_LIMIT = 120.0       # seconds from QEMU's start to "ready"; emulation on a busy host is slow
BOOT_ATTEMPTS = 3
SPLAT_GRACE = 3.0        # how long a guest may keep printing its stack traces
HANG_GRACE = 3.0         # the same for the blocked tasks that a hung guest prints on request


# Requests to a hung guest: everything to the console, the blocked tasks, all
# CPUs' stacks.  One at a time: a break overtakes the keys before it.
SYSRQ_QUESTIONS = (b"7", b"w", b"l")
SYSRQ_ANSWER = re.compile(r"sysrq: (Changing|Show)")


@functools.cache
def tsc_khz():
    """The rate of this machine's time stamp counter, 0 if unknown.

    The guests' counter is this one.  They would measure its rate against an emulated
    timer, and on a busy machine get it wrong: their clock then ran up to 20 times too
    fast.
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
        """(time in ns, counter) of the least disturbed attempt"""
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
    """An estimate of how many times longer than on an idle machine everything may take."""
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


@dataclasses.dataclass
class Outcome:
    """How a guest ended.

    status: "done" (the job ended, see exit_code), "splat", "hang", "lost"
    (ended without a result) or "cut" (power cut on request).
    """
    status: str
    exit_code: int | None = None
    reason: str = ""
    lines: list = dataclasses.field(default_factory=list)
    boot_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def ok(self):
        return self.status == "done" and self.exit_code == 0


class Watcher:
    """Events of Guest.run; all methods may be overridden."""

    def output(self, data):
        """Bytes from the job's stdout or stderr."""

    def console(self, line):
        """A line of the console."""

    def message(self, text, guest):
        """A message from the guest's own scripts to the host."""


def guest_parts(kernel):
    """Paths of the guest's parts, which are built first if necessary."""
    done = subprocess.run([str(LIB / "guest-image"), kernel], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise GuestError("the guest's parts could not be built; does tools/setup succeed?")
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


def build_program(source, directory):
    """A program for guests, from one C++ file; returns its path."""
    path = pathlib.Path(directory) / pathlib.Path(source).stem
    done = subprocess.run(["g++-12", "-std=gnu++20", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-s",
                           "-o", str(path), str(source)], check=False)
    if done.returncode != 0:
        raise GuestError(f"{source} cannot be built; does tools/setup succeed?")
    return path


def build_tools():
    """build/unit/dmsnap.  The libraries it needs are those of the full guest."""
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
    """The compiler of the module's C++, as the compiler recorded it: "gcc 14.2.0"."""
    found = re.search(rb"GNU C\+\+\d+ (\d+\.\d+\.\d+)", pathlib.Path(module).read_bytes())
    return f"gcc {found[1].decode()}" if found else "unknown"


def align_up(data, to):
    return data + b"\0" * (-len(data) % to)


def initramfs_with(parts, module, work):
    """The initramfs with `module` in updates/, where modprobe prefers it.

    The kernel takes several archives one after the other, later ones win: only
    the module and depmod's files are added.
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


class Guest:
    def __init__(self, spec, job, results, console_log):
        self.spec = spec
        self.job = pathlib.Path(job)
        self.results = pathlib.Path(results)
        self.console_log = pathlib.Path(console_log)
        self.deadline = None       # time.monotonic() at which the guest counts as hung
        self.deadline_reason = ""
        self.boot_seconds = 0.0    # from QEMU's start to "ready"
        self._cut = False
        self._process = None

    # --- for watchers ---

    def set_time_limit(self, seconds, reason):
        self.deadline = time.monotonic() + seconds
        self.deadline_reason = reason

    def cut_power(self):
        """Ends QEMU at once, as when the power fails."""
        self._cut = True
        self._kill()

    def _kill(self):
        """Ends the guest; User Mode Linux has a host process for each process."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass    # ended by itself

    # --- the command ---

    def command(self, parts, work, output_fd=None):
        spec = self.spec
        initramfs = parts["INITRAMFS"]
        if spec.module == "ours":
            initramfs = initramfs_with(parts, own_module(parts["RELEASE"]), work)
        if spec.kernel == "um":
            return self._uml_command(parts, initramfs)
        append = (f"console=ttyS0 panic=-1 oops=panic watchdog_thresh=60 printk.devkmsg=on sysrq_always_enabled"
                  f" mitigations=off norandmaps no_timer_check tsc=reliable cryptomgr.notests random.trust_cpu=on"
                  f" loglevel={5 if spec.mode == 'job' else 4}"
                  f" dmsnap.kind={spec.kind} dmsnap.mode={spec.mode} dmsnap.module={spec.module if spec.load else 'none'}"
                  f" dmsnap.hung={spec.hung} {spec.append}")
        command = ["setpriv", "--pdeathsig", "KILL",
                   "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                   "-machine", "pc,hpet=off", "-cpu", "max", "-m", str(spec.mem)]
        if spec.kernel in DEBUG_KERNELS and "kmemleak=" not in spec.append:
            append += " kmemleak=off"     # twice as fast
        if spec.kernel == "smp":
            # With kmemleak the firmware's program for a device's interrupt runs into its
            # limit of 30 s
            append += " pci=noacpi"
        if spec.icount:
            # One instruction is one nanosecond of the guest's time, so that
            # measurements repeat; needs one CPU.
            command += ["-accel", "tcg,thread=single", "-smp", "1",
                        "-icount", "shift=0,align=off,sleep=off",
                        "-rtc", "base=2026-01-01,clock=vm"]
            append += " nokaslr"
        else:
            if khz := tsc_khz():
                append += f" tsc_early_khz={khz}"
            command += ["-accel", "tcg,thread=" + ("multi" if spec.smp > 1 else "single"), "-smp", str(spec.smp)]
        command += ["-kernel", parts["KERNEL"], "-initrd", str(initramfs), "-append", append,
                    "-serial", "mon:stdio",
                    "-device", "virtio-serial-pci", *spec.qemu]
        if output_fd is not None:
            command += ["-chardev", f"file,id=output,path=/dev/fd/{output_fd}",
                        "-device", "virtserialport,chardev=output,name=dmsnap.output"]
        if spec.log:
            # Without an eventfd: the guest's output is in the file before it continues
            command += ["-device", "virtio-serial-pci,id=logs,ioeventfd=off",
                        "-chardev", f"file,id=log,path={spec.log}",
                        "-device", "virtserialport,bus=logs.0,chardev=log,name=dmsnap.log"]
        # mapped-xattr: what the guest writes are files of ours without set-uid bits, owners and
        # devices of its choice, although QEMU may run as root
        for tag, path, model in (("job", self.job, "passthrough,readonly=on"), ("results", self.results, "mapped-xattr")):
            command += ["-fsdev", f"local,id={tag},path={path},security_model={model},multidevs=remap",
                        "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]
        for number, disk in enumerate(spec.disks):
            if not os.path.exists(disk.path):
                raise GuestError(f"{disk.path}: no such disk file")
            command += self._disk(disk, f"disk{number}", disk.serial or f"disk{number}")
        if spec.kind != "quick":
            # Last, so that the disks of the job are vda, vdb ... in both guests
            command += self._disk(Disk(spec.root_image or parts["ROOT_IMAGE"], readonly=True), "root", "dmsnap-root")
        return command

    def _uml_command(self, parts, initramfs):
        """User Mode Linux: a process of this machine, which uses the shared folders directly."""
        spec = self.spec
        if spec.kind != "quick" or spec.disks or spec.mode != "job":
            raise GuestError("User Mode Linux runs jobs in the quick guest, without virtio disks")
        return ["setpriv", "--pdeathsig", "KILL", parts["KERNEL"], f"mem={spec.mem}M", f"initrd={initramfs}",
                "con0=null,fd:1", "con=null", "panic=-1", "oops=panic", "printk.devkmsg=on", "loglevel=5",
                "dmsnap.kind=quick", "dmsnap.mode=job", f"dmsnap.hung={spec.hung}",
                f"dmsnap.module={spec.module if spec.load else 'none'}",
                f"dmsnap.job={self.job.resolve()}", f"dmsnap.results={self.results.resolve()}",
                *([] if "kmemleak=" in spec.append else ["kmemleak=off"]), *spec.append.split()]

    @staticmethod
    def _disk(disk, name, serial):
        path = str(disk.path).replace(",", ",,")
        if disk.nbd:
            path = f"nbd+unix:///?socket={path}"
        return ["-drive", f"if=none,id={name},format=raw,file={path},cache={disk.cache},discard=unmap"
                          f",detect-zeroes=off,readonly={'on' if disk.readonly else 'off'}",
                "-device", f"virtio-blk-pci,drive={name},serial={serial}"]

    # --- running ---

    def shell(self):
        """Hands the terminal to the guest's console; returns the exit code."""
        parts = guest_parts(self.spec.kernel)
        with tempfile.TemporaryDirectory(prefix="dmsnap-guest.") as work:
            return subprocess.run(self.command(parts, pathlib.Path(work)), check=False).returncode

    def run(self, watcher=None, timeout=None):
        """Runs the job; `timeout` (seconds) counts from the end of the boot.

        Emulated, a stock kernel sometimes stops within its first second: a timer of
        the second processor is lost, and at best RCU complains later.  As long
        as nothing of ours has been loaded this is not our failure, so such a guest
        is started again, and the console's log says so.
        """
        watcher = watcher or Watcher()
        for attempt in range(1, BOOT_ATTEMPTS + 1):
            outcome = self._run_once(watcher, timeout)
            came_up = outcome.status in ("done", "cut") or outcome.boot_seconds
            if came_up or self.spec.load or attempt == BOOT_ATTEMPTS:
                break
            with open(self.console_log, "ab") as log:
                log.write(f"\n--- the guest did not come up ({outcome.reason}); started again ---\n".encode())
        return outcome

    def _run_once(self, watcher, timeout):
        parts = guest_parts(self.spec.kernel)
        self.results.mkdir(parents=True, exist_ok=True)
        (self.results / ".exit-code").unlink(missing_ok=True)
        # Beside the job, whose creator also cleans up after a kill
        with tempfile.TemporaryDirectory(prefix="boot.", dir=self.job.parent) as work:
            read_end, write_end = os.pipe()
            try:
                command = self.command(parts, pathlib.Path(work), write_end)
                self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                                 stderr=subprocess.STDOUT, pass_fds=(write_end,),
                                                 start_new_session=True)
            except OSError as error:
                os.close(read_end)
                raise GuestError(f"QEMU does not start ({error}); run tools/setup") from error
            except BaseException:
                os.close(read_end)
                raise
            finally:
                os.close(write_end)
            try:
                with open(self.console_log, "ab") as log:
                    return self._watch(read_end, log, watcher, timeout)
            finally:
                os.close(read_end)
                self._kill()
                self._process.wait()
                self._process.stdout.close()
                try:
                    self._process.stdin.close()
                except BrokenPipeError:
                    pass

    def _watch(self, output_fd, log, watcher, timeout):
        started = time.monotonic()
        limit = BOOT_LIMIT * SLOWNESS.get(self.spec.kernel, 1.0) * busy()
        self.set_time_limit(limit, f"did not come up within {limit:.0f} s")
        selector = selectors.DefaultSelector()
        console_fd = self._process.stdout.fileno()
        selector.register(console_fd, selectors.EVENT_READ)
        selector.register(output_fd, selectors.EVENT_READ)
        pending = b""
        tail = []
        splat = []
        grace_end = None           # if set, the verdict has been reached
        hang_reason = ""
        questions = []
        boot_seconds = 0.0
        console_open = True

        while console_open:
            now = time.monotonic()
            if grace_end is not None and now >= grace_end:
                self._kill()
                grace_end = now + 60
            elif grace_end is None and now >= self.deadline:
                hang_reason = self.deadline_reason
                questions = list(SYSRQ_QUESTIONS)
                self._sysrq(questions.pop(0))
                grace_end = now + HANG_GRACE
            limit = self.deadline if grace_end is None else grace_end
            for key, _ in selector.select(max(0.0, limit - now)):
                data = os.read(key.fd, 65536)
                if not data:
                    selector.unregister(key.fd)
                    console_open = console_open and key.fd != console_fd
                    continue
                if key.fd == output_fd:
                    watcher.output(data)
                    continue
                log.write(data)
                log.flush()
                *lines, pending = (pending + data).split(b"\n")
                for raw in lines:
                    line = raw.decode(errors="replace").rstrip("\r")
                    tail = (tail if hang_reason else tail[-39:]) + [line]
                    watcher.console(line)
                    if hang_reason and questions and SYSRQ_ANSWER.search(line):
                        self._sysrq(questions.pop(0))
                    said = GUEST_LINE.search(line)
                    if said and said[1] == "ready":
                        boot_seconds = self.boot_seconds = time.monotonic() - started
                        tail = []
                        if timeout is None:
                            self.set_time_limit(3e7, "")
                        else:
                            self.set_time_limit(timeout, f"still running after {timeout:g} s")
                    if said:
                        watcher.message(said[1], self)
                    elif splat or (SPLAT.search(line) and not hang_reason):
                        splat.append(line)
                        if grace_end is None:
                            grace_end = time.monotonic() + SPLAT_GRACE

        # The job's last output may still be in the pipe
        os.set_blocking(output_fd, False)
        while True:
            try:
                data = os.read(output_fd, 65536)
            except BlockingIOError:
                break
            if not data:
                break
            watcher.output(data)
        self._process.wait()
        outcome = Outcome("lost", boot_seconds=boot_seconds, seconds=time.monotonic() - started)
        exit_code = self.results / ".exit-code"
        if splat:
            outcome.status, outcome.lines = "splat", splat
            outcome.reason = "kernel splat: " + splat[0].strip()
        elif self._cut:
            outcome.status, outcome.reason = "cut", "power cut as asked"
        elif hang_reason:
            outcome.status, outcome.lines = "hang", tail
            outcome.reason = "hang: " + hang_reason
        elif exit_code.exists():
            outcome.status, outcome.exit_code = "done", int(exit_code.read_text())
            outcome.reason = f"exit code {outcome.exit_code}"
        else:
            outcome.lines = tail
            outcome.reason = "lost guest: it ended without a result" + (
                "" if boot_seconds else ", before it was up")
        return outcome

    def _sysrq(self, key):
        """SysRq over the serial line: a break (QEMU's Ctrl-A B), then the key."""
        try:
            os.write(self._process.stdin.fileno(), b"\x01b" + key)
        except OSError:
            pass    # it has just ended by itself


def stop_on_signals():
    """Turns SIGTERM and SIGHUP into an exception, so that clean-up runs."""
    def handler(number, _frame):
        raise SystemExit(128 + number)
    signal.signal(signal.SIGTERM, handler)
    signal.signal(signal.SIGHUP, handler)


def size_bytes(text):
    """"256M" -> bytes; None if it is not a size."""
    match = re.fullmatch(r"(\d+)([KMG]?)", text)
    return int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[match[2]] if match else None


def parse_disk(text, number, directory):
    """SIZE or PATH, with ,serial= ,cache= ,ro: a Disk (SIZE: a new sparse file)."""
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
