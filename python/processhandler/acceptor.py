"""Taking connections from listeners that other workers wait for as well.

Each worker has an epoll set of its own, in which the listeners are exclusive (a connection wakes one worker), and enters them
anew after each connection: the kernel wakes whoever has been in its queue longest, and would else always wake the same.
"""

import errno
import select
import socket
import struct
import time
from typing import Any, Dict, Iterator, List, Optional, Tuple

from .bell import Bell
from .slots import Slot

# The listener, the connection, the client's address.
Connection = Tuple[socket.socket, socket.socket, Any]

# linux/eventpoll.h; select has a name for it where Python was built on a new enough system.
EPOLLEXCLUSIVE = 1 << 28
# Of a queue whose length the kernel does not tell, this much at most is served at a stop.
UNKNOWN = 4096
# So long a worker looks away that has no descriptor left for a connection.
SHORTAGE = 0.05
_SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_BROKEN = (errno.EBADF, errno.ENOTSOCK, errno.EFAULT)
# Where `tcp_info` has the length of a listener's queue (tcpi_unacked).
_UNACKED = slice(24, 28)


class Acceptor:
    """One worker's way to the listeners."""

    def __init__(self, listeners: List[socket.socket], bell: Bell, slot: Slot) -> None:
        self._bell, self._slot = bell, slot
        self._listeners: Dict[int, socket.socket] = {one.fileno(): one for one in listeners}
        self._epoll = select.epoll()
        self._epoll.register(bell.reader, select.EPOLLIN)
        self._armed = False
        # Woken for, and not looked at yet.
        self._ready: List[int] = []
        self._short_until = 0.0

    def wait(self, willing: bool, timeout: Optional[float] = None) -> Optional[Connection]:
        """A connection, if the worker is `willing` to take one; None when the bell has rung or the time is over."""
        if willing:
            short = self._short_until - time.monotonic()
            if short > 0:
                willing, timeout = False, short if timeout is None else min(short, timeout)
        self._arm(willing)
        while willing and self._ready:
            taken = self._accept(self._ready.pop())
            if taken is not None:
                return taken
        for fd, _ in self._epoll.poll(-1 if timeout is None else timeout):
            if fd == self._bell.reader:
                self._bell.silence()
            else:
                self._ready.append(fd)
        if willing and self._ready:
            return self._accept(self._ready.pop())
        return None

    def last_call(self) -> Iterator[Connection]:
        """What is to be taken before the worker leaves: what it alone was woken for; when nobody comes after it, because the
        master stops, as many as wait now."""
        woken = self._ready + [fd for fd, _ in self._epoll.poll(0) if fd in self._listeners and self._armed]
        self._arm(False)
        if self._slot.is_stopping:
            waiting = {fd: _waiting(listener) for fd, listener in self._listeners.items()}
            for fd, most in waiting.items():
                for _ in range(most):
                    taken = self._accept(fd)
                    if taken is None:
                        break
                    yield taken
        else:
            for fd in woken:
                taken = self._accept(fd)
                if taken is not None:
                    yield taken

    def _arm(self, armed: bool) -> None:
        if armed == self._armed:
            return
        self._armed = armed
        for fd in self._listeners:
            if armed:
                self._epoll.register(fd, select.EPOLLIN | EPOLLEXCLUSIVE)
            else:
                self._leave(fd)
        if armed:
            self._ready.clear()

    def _leave(self, fd: int) -> None:
        try:
            self._epoll.unregister(fd)
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise

    def _accept(self, fd: int) -> Optional[Connection]:
        listener = self._listeners[fd]
        try:
            # The flag is the socket's, and with that everybody's: a master makes it block for each worker that it starts.
            listener.setblocking(False)
            client, address = listener.accept()
        except OSError as error:
            self._excuse(error, fd)
            return None
        self._slot.count_accepted()
        if self._armed and self._slot.workers > 1:
            self._epoll.unregister(fd)
            self._epoll.register(fd, select.EPOLLIN | EPOLLEXCLUSIVE)
        return listener, client, address

    def _excuse(self, error: OSError, fd: int) -> None:
        if error.errno in _SHORT:
            self._short_until = time.monotonic() + SHORTAGE
        elif error.errno == errno.EINVAL:
            # The address was given up in a reload, and the master has closed it for everybody.
            self._leave(fd)
        elif error.errno in _BROKEN:
            raise error
        # Else another worker was faster, or the client has gone: accept(2) lists them.


def _waiting(listener: socket.socket) -> int:
    """How many connections wait in a listener's queue."""
    if listener.family == socket.AF_UNIX:
        return UNKNOWN
    try:
        info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _UNACKED.stop)
        return int(struct.unpack("I", info[_UNACKED])[0])
    except OSError:
        return UNKNOWN
