"""What a master gives its worker, and how the worker talks back: a service manager's protocol.

See sd_listen_fds(3) and sd_notify(3). Programs that are no Python class use the same.
"""

import os
import socket
from typing import List, Optional

from .slots import Slot

FIRST_SOCKET = 3


def listeners() -> List[socket.socket]:
    """The listening sockets that were handed over. They are not inherited by what this process starts."""
    count = int(os.environ.pop("LISTEN_FDS", "0") or 0)
    pid = os.environ.pop("LISTEN_PID", None)
    os.environ.pop("LISTEN_FDNAMES", None)
    if pid is not None and int(pid) != os.getpid():
        return []
    sockets = [socket.socket(fileno=fd) for fd in range(FIRST_SOCKET, FIRST_SOCKET + count)]
    for listener in sockets:
        listener.set_inheritable(False)
    return sockets


def slot() -> Slot:
    """This worker's place in the shared memory."""
    fd, index = os.environ.pop("PH_SLOT_FD", None), os.environ.pop("PH_SLOT", None)
    if fd is None or index is None:
        return Slot.absent()
    try:
        return Slot.open(int(fd), int(index))
    finally:
        # The mapping stays.
        os.close(int(fd))


class Notifier:
    """The way to the master."""

    def __init__(self, path: Optional[str]) -> None:
        self._address = "\0" + path[1:] if path is not None and path.startswith("@") else path
        self._socket: Optional[socket.socket] = None
        if path:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    @classmethod
    def from_environment(cls) -> "Notifier":
        """As `NOTIFY_SOCKET` says, which is left there for what this process starts."""
        return cls(os.environ.get("NOTIFY_SOCKET"))

    def close(self) -> None:
        """Says nothing more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def say(self, *lines: str) -> None:
        """Says lines `NAME=value` in one message. A master that is gone hears nothing: that is no error here."""
        if self._socket is None or self._address is None:
            return
        text = "\n".join(line.replace("\n", " ") for line in lines)
        try:
            self._socket.sendto(text.encode("utf-8", "replace")[:4096], self._address)
        except OSError:
            pass
