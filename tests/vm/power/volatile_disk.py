# SPDX-License-Identifier: GPL-2.0-only
"""A disk with a volatile write cache that can lose its power, served to QEMU over NBD.

A read sees a write at once.  A write is durable if it was a FUA write, or after a later flush.
power_fails() decides at random about each write that was not durable: it is kept, lost, or torn
(some of its sectors are kept).  Requests that arrive together are answered in any order.
"""

import dataclasses
import os
import select
import socket
import struct
import threading
import time

SECTOR = 512

# The network block device protocol, https://github.com/NetworkBlockDevice/nbd
GREETING = b"NBDMAGIC" + b"IHAVEOPT"
FIXED_NEWSTYLE, NO_ZEROES = 1, 2
OPTION = struct.Struct(">8sII")                 # magic, option, length
OPTION_REPLY = struct.Struct(">QIII")           # magic, option, type, length
OPTION_REPLY_MAGIC = 0x3e889045565a9
OPTION_ABORT, OPTION_GO = 2, 7
REPLY_ACK, REPLY_INFO, REPLY_UNSUPPORTED = 1, 3, 0x80000001
INFO_EXPORT, INFO_BLOCK_SIZE = 0, 3
HAS_FLAGS, SEND_FLUSH, SEND_FUA, SEND_TRIM = 1, 4, 8, 32
REQUEST = struct.Struct(">IHHQQI")              # magic, flags, type, cookie, offset, length
READ, WRITE, DISCONNECT, FLUSH, TRIM = 0, 1, 2, 3, 4
FLAG_FUA = 1
REPLY = struct.Struct(">IIQ")                   # magic, error, cookie
REPLY_MAGIC = 0x67446698
EINVAL = 22

FILLING = b"\xd5"                               # what trimmed sectors read as, unless as zeros

BATCH = 32                                      # requests answered in any order


@dataclasses.dataclass
class Write:
    offset: int
    data: bytes
    durable: bool               # a FUA write


class VolatileDisk:
    """Created with its contents; serves its own socket until close()."""

    def __init__(self, address, contents, chance, lies=False):
        self.address = str(address)
        self.trace = []             # this power cycle: (seconds, what, sector, sectors)
        self.delay = 0.0            # seconds before each batch
        self._chance = chance       # random.Random
        self._lies = lies           # loses what it reports as durable
        self._trimmed = chance.choice((b"\0", FILLING))
        self._durable = bytearray(contents)
        self._seen = bytearray(contents)
        self._cache = []            # Writes since the last flush, in order
        self._begun = time.monotonic()
        self._idle = threading.Event()
        self._idle.set()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.address)
        self._listener.listen(1)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()
        os.unlink(self.address)

    def contents(self):
        """The durable contents.  The disk must not be in use."""
        return bytes(self._durable)

    # --- power ---

    def power_fails(self):
        """Cuts the power.  QEMU must be gone.  Returns how many writes were kept, lost and torn."""
        if not self._idle.wait(10):
            raise TimeoutError(f"{self.address} is still in use")
        chance = self._chance
        keep = chance.choice((0.0, 0.1, 0.5, 0.5, 0.9, 1.0))
        tear = chance.choice((0.0, 0.3))
        count = {"kept": 0, "lost": 0, "torn": 0}
        for write in self._cache:
            if write.durable:
                self._apply(self._durable, write)
                continue
            sectors = len(write.data) // SECTOR
            if sectors > 1 and chance.random() < tear:
                how = "torn"
                kept = [i for i in range(sectors) if chance.random() < 0.5]
                for i in kept:
                    part = slice(i * SECTOR, (i + 1) * SECTOR)
                    self._apply(self._durable, Write(write.offset + i * SECTOR, write.data[part], False))
                detail = " " + ",".join(map(str, kept))
            elif chance.random() < keep:
                how, detail = "kept", ""
                self._apply(self._durable, write)
            else:
                how, detail = "lost", ""
            count[how] += 1
            self._note(how + detail, write.offset, len(write.data))
        self._cache.clear()
        self._seen[:] = self._durable
        return count

    def power_returns(self, delay):
        self.trace = []
        self._begun = time.monotonic()
        self.delay = delay

    @staticmethod
    def _apply(image, write):
        image[write.offset:write.offset + len(write.data)] = write.data

    def _note(self, what, offset, length):
        self.trace.append((time.monotonic() - self._begun, what, offset // SECTOR, length // SECTOR))

    # --- the protocol ---

    def _accept(self):
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self._idle.clear()
            try:
                with peer:
                    if self._negotiate(peer):
                        self._serve(peer)
            except (EOFError, OSError):
                pass        # QEMU was killed by the power cut
            self._idle.set()

    def _negotiate(self, peer):
        peer.sendall(GREETING + struct.pack(">H", FIXED_NEWSTYLE | NO_ZEROES))
        receive(peer, 4)
        while True:
            _, option, length = OPTION.unpack(receive(peer, OPTION.size))
            receive(peer, length)

            def reply(kind, data=b"", option=option):
                peer.sendall(OPTION_REPLY.pack(OPTION_REPLY_MAGIC, option, kind, len(data)) + data)

            if option == OPTION_GO:
                reply(REPLY_INFO, struct.pack(">HQH", INFO_EXPORT, len(self._seen), HAS_FLAGS | SEND_FLUSH | SEND_FUA | SEND_TRIM))
                reply(REPLY_INFO, struct.pack(">HIII", INFO_BLOCK_SIZE, SECTOR, 4096, 1 << 25))
                reply(REPLY_ACK)
                return True
            if option == OPTION_ABORT:
                reply(REPLY_ACK)
                return False
            reply(REPLY_UNSUPPORTED)

    def _serve(self, peer):
        while True:
            batch = [self._receive_request(peer)]
            if self.delay:
                time.sleep(self.delay)
            while len(batch) < BATCH and select.select([peer], [], [], 0)[0]:
                batch.append(self._receive_request(peer))
            # A flush need not cover requests that were not answered when it came
            answered = len(self._cache)
            self._chance.shuffle(batch)
            for flags, kind, cookie, offset, length, data in batch:
                error, answer = 0, b""
                if kind == READ:
                    answer = self._seen[offset:offset + length]
                elif kind == WRITE:
                    self._write(Write(offset, data, bool(flags & FLAG_FUA) and not self._lies))
                elif kind == TRIM:
                    self._write(Write(offset, self._trimmed * length, False))
                elif kind == FLUSH:
                    self._flush(answered)
                    answered = 0
                elif kind == DISCONNECT:
                    return
                else:
                    error = EINVAL
                peer.sendall(REPLY.pack(REPLY_MAGIC, error, cookie) + answer)

    @staticmethod
    def _receive_request(peer):
        _, flags, kind, cookie, offset, length = REQUEST.unpack(receive(peer, REQUEST.size))
        return flags, kind, cookie, offset, length, receive(peer, length) if kind == WRITE else b""

    def _write(self, write):
        self._note("write, FUA" if write.durable else "write", write.offset, len(write.data))
        self._apply(self._seen, write)
        self._cache.append(write)

    def _flush(self, count):
        self._note("flush", 0, 0)
        if not self._lies:
            for write in self._cache[:count]:
                self._apply(self._durable, write)
            del self._cache[:count]


def receive(peer, length):
    data = bytearray()
    while len(data) < length:
        part = peer.recv(length - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)
