"""What `ps` shows."""

import ctypes
import os


def show_name(title: str) -> None:
    """As far as 15 bytes go, as other workers do. The command line is the interpreter's to lay out."""
    try:
        comm = os.open("/proc/self/comm", os.O_WRONLY)
    except OSError:
        # No /proc, or another's.
        return
    os.write(comm, title.encode())
    os.close(comm)


class CommandLine:
    """The memory that the kernel shows as this process's command line, and as that of each which is forked from it. What
    stands there would tell of another process, so it is written over as far as it reaches."""

    def __init__(self) -> None:
        self._start = self._room = 0
        try:
            with open("/proc/self/stat", "rb") as stat:
                fields = stat.read().rsplit(b")", 1)[1].split()
            # proc(5): arg_start and arg_end are the 48th and the 49th field, and these begin with the third.
            start, end = int(fields[45]), int(fields[46])
        except (OSError, ValueError, IndexError):
            return
        if 0 < start < end:
            self._start, self._room = start, end - start

    def show(self, title: str) -> None:
        """Shows it, and its first 15 bytes as the process's name."""
        show_name(title)
        if self._room:
            text = title.encode()[: self._room - 1].ljust(self._room, b"\0")
            ctypes.memmove(self._start, text, self._room)
