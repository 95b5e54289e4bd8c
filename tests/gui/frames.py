"""What a GTK program tells of its frames, by the marks it makes for the profiler Sysprof.

The program asks the socket named by SYSPROF_CONTROL_FD for a ring buffer for each of its threads,
and writes marks into it. Requests, rings and marks have the form that libsysprof-capture gives
them (sysprof-collector.c, mapped-ring-buffer.c, sysprof-capture-types.h)."""

import mmap
import os
import socket
import struct
import subprocess
import threading
import time

REQUEST = b"CreatRing\0"
RING_NAME = "frames"
PAGE = mmap.PAGESIZE
# Bytes of marks that fit between two looks: minutes of a window that never rests.
BODY = 64 << 20

HEAD = struct.Struct("=I")
HEADER = struct.Struct("=IIII")  # head, tail, offset and size of the body
FRAME = struct.Struct("=H14xB7x")  # length, type
MARK = struct.Struct("=H6xqB7xq24x40s")  # length, start, type, duration, name
MARK_TYPE = 10
# GTK's names of what a frame's clock does in it: all of it, and drawing.
CYCLE, PAINT = b"Frameclock cycle", b"Frameclock paint"


class Ring:
    """What one thread writes and this process reads."""

    def __init__(self):
        self.file = os.memfd_create(RING_NAME)
        os.ftruncate(self.file, PAGE + BODY)
        self.map = mmap.mmap(self.file, PAGE + BODY)
        HEADER.pack_into(self.map, 0, 0, 0, PAGE, BODY)
        self.drawn = False

    def hand_over(self, control):
        socket.send_fds(control, [b"\0"], [self.file])
        os.close(self.file)

    def take(self):
        """All that was written since the last look."""
        head, tail, _, _ = HEADER.unpack_from(self.map, 0)
        if head <= tail:
            written = self.map[PAGE + head:PAGE + tail]
        else:
            written = self.map[PAGE + head:] + self.map[PAGE:PAGE + tail]
        # The head alone: the other side goes on writing the tail.
        HEAD.pack_into(self.map, 0, tail)
        return written


def marks(written):
    """Name, start and duration of each mark."""
    at = 0
    while at + FRAME.size <= len(written):
        length, kind = FRAME.unpack_from(written, at)
        if kind == MARK_TYPE:
            _, start, _, duration, name = MARK.unpack_from(written, at)
            yield start, duration, name.partition(b"\0")[0]
        at += length


class Recorder:
    """A program that is started, and whose frames are recorded. Times are milliseconds since it was."""

    def __init__(self, command, log):
        self.rings = []
        self.frames = []
        self.last = None  # when the last frame ended
        own, its = socket.socketpair()
        self.began = time.monotonic_ns()
        with open(log, "ab") as out:
            self.program = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                pass_fds=[its.fileno()], env={**os.environ, "SYSPROF_CONTROL_FD": str(its.fileno())})
        its.close()
        threading.Thread(target=self._serve, args=[own], daemon=True).start()

    def _serve(self, control):
        with control:
            while control.recv(len(REQUEST), socket.MSG_WAITALL) == REQUEST:
                ring = Ring()
                self.rings.append(ring)
                ring.hand_over(control)

    def close(self):
        for ring in self.rings:
            ring.map.close()
        self.rings = []

    def _now(self):
        return (time.monotonic_ns() - self.began) / 1e6

    def _look(self):
        """Takes in the frames that were drawn since the last look: start and end of each."""
        for ring in list(self.rings):
            for start, duration, name in marks(ring.take()):
                # The mark of the whole comes after those of its parts, maybe with the next look.
                if name == PAINT:
                    ring.drawn = True
                elif name == CYCLE:
                    if ring.drawn:
                        start = (start - self.began) / 1e6
                        self.last = start + duration / 1e6
                        self.frames.append({"start": start, "end": self.last})
                    ring.drawn = False

    def settled(self, quiet, timeout):
        """The frames since they were last taken, once there was one and nothing was drawn for so many milliseconds."""
        end = self._now() + timeout
        while True:
            self._look()
            now = self._now()
            if self.last is not None and now - self.last > quiet:
                break
            if now > end:
                raise TimeoutError(f"it does not come to rest within {timeout} ms; the last frame ended at {self.last}")
            time.sleep(0.005)
        return self.taken()

    def taken(self):
        """The frames since they were last taken."""
        self._look()
        frames, self.frames = self.frames, []
        return frames

    def memory(self):
        """KiB of memory it has in use, without the rings."""
        total, counts = 0, True
        with open(f"/proc/{self.program.pid}/smaps", encoding="utf-8") as lines:
            for line in lines:
                field = line.split()
                if not field[0].endswith(":"):
                    counts = f"memfd:{RING_NAME}" not in line
                elif counts and field[0] == "Rss:":
                    total += int(field[1])
        return total
