# SPDX-License-Identifier: GPL-2.0-only
"""What a block device may hold after power cuts, computed from the log of its writes.

A write has a beginning and, once it was answered, an end; both are positions in the log.  It is
durable if it was a FUA write, or if a flush that began after its end was answered.  It is
obsolete if a durable write to the same sector began after its end; then it must not be seen
again.  Every other write may be seen, and so may the initial contents until a durable write
follows them.  A discard is a write that may take effect in part or not at all, so it makes no
write obsolete.
"""

import dataclasses

BEFORE = -1


@dataclasses.dataclass
class Write:
    stamp: int
    begin: int
    end: int | None = None
    durable: bool = False
    certain: bool = True        # takes effect for sure once it has ended; not a discard


class History:
    """The history of one device.  Stamps identify the contents of its sectors."""

    def __init__(self, stamps):
        self.first = list(stamps)   # what each sector held when it was shown
        self.writes = {}            # sector -> Writes since then
        self._volatile = []         # answered but not durable

    def copy(self):
        """A history that starts with the last known contents of this one."""
        if self.writes:
            raise ValueError("it has been written since")
        return History(self.first)

    # --- the log ---

    def begin(self, stamp, sector, count, place):
        write = Write(stamp, place)
        for i in range(sector, sector + count):
            self.writes.setdefault(i, []).append(write)
        return write

    def discard(self, stamp, sector, count, place):
        write = self.begin(stamp, sector, count, place)
        write.certain = False
        return write

    def end(self, write, place, fua):
        write.end = place
        if not write.certain:
            return
        if fua:
            write.durable = True
        else:
            self._volatile.append(write)

    def flushed(self, begin):
        """The flush that began at this place was answered."""
        for write in self._volatile:
            write.durable = write.durable or write.end < begin
        self._volatile = [write for write in self._volatile if not write.durable]

    # --- what may be read ---

    def _allowed(self, sector, counts):
        """The stamps that the sector may have if the writes that `counts` accepts are certain."""
        writes = self.writes.get(sector, ())
        last = max((write.begin for write in writes if counts(write)), default=BEFORE)
        allowed = [write.stamp for write in writes if write.end is None or write.end >= last]
        if last == BEFORE:
            allowed.append(self.first[sector])
        return allowed

    def after_cut(self, sector):
        return self._allowed(sector, lambda write: write.durable)

    def read_at(self, sector, begin):
        """The same for a read that began at this place, in the power cycle of all the writes."""
        return self._allowed(sector, lambda write: write.certain and write.end is not None and write.end < begin)

    def seen(self, stamps):
        """Takes the stamps after a cut.  Returns the wrong ones: (sector, stamp, allowed)."""
        wrong = []
        if len(stamps) != len(self.first):
            raise ValueError(f"{len(stamps)} sectors, not {len(self.first)}")
        for sector, stamp in enumerate(stamps):
            if sector not in self.writes:
                if stamp != self.first[sector]:
                    wrong.append((sector, stamp, [self.first[sector]]))
            elif stamp not in (allowed := self.after_cut(sector)):
                wrong.append((sector, stamp, allowed))
        self.first = list(stamps)
        self.writes = {}
        self._volatile = []
        return wrong
