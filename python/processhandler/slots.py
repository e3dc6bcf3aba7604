"""What a worker tells through the memory that it shares with its master: requests, and since when it is at one.

A request begins and ends there with a few stores and no system call. The master reads, and believes nothing. Each word is
stored as a whole: `ctypes` does so on both interpreters, a memoryview on CPython alone.
"""

import ctypes
import mmap
import threading
import time
from typing import Any, Dict, Optional

# Linux's number; Python has no name for it. The kernel's time as of its last tick: no system call, and exact enough.
CLOCK_MONOTONIC_COARSE = 6
# The time that also passes while the machine sleeps.
CLOCK_BOOTTIME = 7

HEADER = 4096
SIZE = 128
_MAGIC = b"PHSLOTS\0"
_VERSION = 1
_BOARD = 128
# Whether there is an election (u32), by which token the master leads (u64) and until when by CLOCK_BOOTTIME (u64).
_LEASE = 384

# The words of a slot.
_REQUESTS, _ACTIVE, _BEGAN, _BUSY, _ACCEPTED = range(5)
# The halves of words of the board, which concerns all workers.
_WORKERS, _STOPPING = 2, 3


def now() -> int:
    """The time of the slots, in nanoseconds."""
    return time.clock_gettime_ns(CLOCK_MONOTONIC_COARSE)


class SlotError(Exception):
    """The shared memory is not of the layout that this package knows."""


class Slot:
    """A worker's own place in the shared memory."""

    def __init__(self, memory: Any, index: int) -> None:
        self._words = (ctypes.c_uint64 * (SIZE // 8)).from_buffer(memory, HEADER + index * SIZE)
        self._board = (ctypes.c_uint32 * 8).from_buffer(memory, _BOARD)
        self._lease = (ctypes.c_uint64 * 3).from_buffer(memory, _LEASE)

    @classmethod
    def open(cls, fd: int, index: int) -> "Slot":
        """Maps the memory of this descriptor. Raises `SlotError` if its master lays it out in another way."""
        memory = mmap.mmap(fd, HEADER + (index + 1) * SIZE)
        version = int.from_bytes(memory[8:12], "little")
        size = int.from_bytes(memory[12:16], "little")
        if memory[:8] != _MAGIC or (version, size) != (_VERSION, SIZE):
            raise SlotError("the master's shared memory has another layout: is it of another version than this package?")
        return cls(memory, index)

    @classmethod
    def absent(cls) -> "Slot":
        """One that nobody reads."""
        return cls(bytearray(HEADER + SIZE), 0)

    def show(self, active: int, began: int) -> None:
        """Says how many requests are under way, and when the oldest of them began (0: no matter)."""
        words = self._words
        words[_BEGAN] = began
        words[_ACTIVE] = active

    def turn(self, began: int) -> None:
        """Says since when the worker is at what it may not be at for longer than `timeout`; 0 for nothing."""
        self._words[_BEGAN] = began

    def finished(self, took: int) -> None:
        """Counts a request that has ended, and its nanoseconds."""
        words = self._words
        words[_BUSY] += took
        words[_REQUESTS] += 1

    def count_accepted(self) -> None:
        """Counts a connection."""
        self._words[_ACCEPTED] += 1

    @property
    def requests(self) -> int:
        """Requests that have ended."""
        return int(self._words[_REQUESTS])

    @property
    def active(self) -> int:
        """Requests under way."""
        return int(self._words[_ACTIVE])

    @property
    def workers(self) -> int:
        """Ready workers of this master."""
        return int(self._board[_WORKERS])

    @property
    def is_stopping(self) -> bool:
        """Whether the master stops, so that nobody comes after who leaves."""
        return self._board[_STOPPING] != 0

    @property
    def is_led(self) -> bool:
        """Whether the master leads, and the time that it leads for is not over; so it is where there is no election."""
        contended, _, deadline = self._lease
        return contended & 0xFFFFFFFF == 0 or time.clock_gettime_ns(CLOCK_BOOTTIME) < deadline

    @property
    def token(self) -> Optional[int]:
        """By which it leads, or has led last."""
        return int(self._lease[1]) or None


class Ledger:
    """The requests under way, of any number of threads."""

    def __init__(self, slot: Slot, shows_oldest: bool = True) -> None:
        self._slot = slot
        self._shows_oldest = shows_oldest
        self._lock = threading.Lock()
        # In the order in which they began.
        self._began: Dict[int, int] = {}
        self._next = 0
        self.count = 0

    def begin(self) -> int:
        """A request begins; returns what ends it."""
        with self._lock:
            token = self._next
            self._next += 1
            self._began[token] = now()
            self._show()
        return token

    def end(self, token: int) -> None:
        """It has ended, and is counted."""
        with self._lock:
            began = self._began.pop(token)
            self._slot.finished(max(0, now() - began))
            self.count += 1
            self._show()

    def forget(self, token: int) -> None:
        """It was none."""
        with self._lock:
            del self._began[token]
            self._show()

    def oldest(self) -> Optional[int]:
        """When the oldest one began."""
        return next(iter(self._began.values()), None)

    def _show(self) -> None:
        if self._shows_oldest:
            self._slot.show(len(self._began), self.oldest() or 0)
        else:
            self._slot._words[_ACTIVE] = len(self._began)
