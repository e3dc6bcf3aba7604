"""The worker that all others are: its attributes, its lifecycle, the request to leave."""

import contextlib
import functools
import inspect
import logging
import os
import signal
import socket
import sys
import threading
import time
from contextvars import ContextVar
from typing import Any, Iterator, List, Optional, Set

from ..acceptor import Acceptor, Connection
from ..bell import Bell, wait
from ..config import Config
from ..contract import Notifier
from ..slots import Ledger, Slot

MAXSIZE = sys.maxsize
# The slots' clock moves by ticks: what the master has just found late may still be a tick short of it here.
TICK = 0.01
# How long a worker that has done its max_requests waits for its successor, if no boot_timeout says.
PATIENCE = 30.0
# Between two looks of a worker whose master leads no more, in seconds.
UNLED = 0.1
# At a stop, a client that has never sent anything is waited for half of graceful_timeout, but no longer than this.
FIRST_BYTE = 5.0
# Where `tcp_info` has how much a client has sent (tcpi_bytes_received).
_RECEIVED = slice(128, 136)


class NotReady(Exception):
    """A worker can't do its work as it is configured; the text is a sentence for whoever configures it."""


class Visit:
    """A connection, from when it was accepted to its end."""

    def __init__(self, frame: "Frame", client: Optional[socket.socket]) -> None:
        self.frame, self.client = frame, client
        # What is not told apart is one request, from beginning to end.
        self._token: Optional[int] = frame.ledger.begin()
        self.is_divided = False
        self.is_late = False
        self._born = time.monotonic()
        self.timer: Any = None
        self.task: Any = None
        frame.visits.add(self)

    def divide(self) -> None:
        """It is many requests, each of which is counted by itself."""
        if not self.is_divided:
            self.is_divided = True
            if self._token is not None:
                self.frame.ledger.forget(self._token)
                self._token = None
                self.disarm()

    def begin(self) -> None:
        """A request begins."""
        self.divide()
        self._token = self.frame.ledger.begin()
        self.arm()

    def end(self) -> None:
        """It has ended. Between two of them a worker that was asked to leave takes its leave of the client."""
        self.disarm()
        if self._token is not None:
            self.frame.ledger.end(self._token)
            self._token = None
        if self.frame.is_stopping:
            self.part()

    def part(self) -> None:
        """If nothing is under way, what has arrived can still be read, and then it is as if the client had hung up."""
        if self.is_divided and self._token is None and self.client is not None:
            with contextlib.suppress(OSError):
                self.client.shutdown(socket.SHUT_RD)

    def cut_if_silent(self, grace: float) -> None:
        """If the client has not sent anything in that time, it is as if it had hung up."""
        if self.client is None or time.monotonic() - self._born < grace:
            return
        with contextlib.suppress(OSError):
            info = self.client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED.stop)
            if info[_RECEIVED] == bytes(8):
                self.client.shutdown(socket.SHUT_RD)

    def close(self) -> None:
        """The connection is at its end."""
        self.disarm()
        self.frame.visits.discard(self)
        if self._token is not None:
            self.frame.ledger.end(self._token)
            self._token = None

    def arm(self) -> None:
        """Has the request given up at `timeout`, where that can be done."""
        loop = self.frame.loop
        if loop is not None and self.frame.timeout is not None and self.task is not None:
            self.timer = loop.call_later(self.frame.timeout, self._give_up)

    def disarm(self) -> None:
        """The request needs no limit any more."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _give_up(self) -> None:
        self.is_late = True
        self.task.cancel()


# The connection that the code is at, in each thread and each coroutine.
current_visit: "ContextVar[Optional[Visit]]" = ContextVar("current_visit", default=None)


class Frame:
    """What a worker's process has but once."""

    def __init__(self, cfg: Config, logger: logging.Logger, notifier: Notifier, slot: Slot, ppid: int) -> None:
        self.cfg, self.logger, self.notifier, self.slot, self.ppid = cfg, logger, notifier, slot, ppid
        self.bell, self.stopped = Bell(), Bell()
        self.is_stopping = False
        self.ledger = Ledger(slot)
        self.visits: Set[Visit] = set()
        self.timeout: Optional[float] = cfg.timeout
        self.loop: Any = None
        # Workers that started together should not leave together.
        self._share = cfg.max_requests + _below(cfg.max_requests_jitter) if cfg.max_requests else MAXSIZE
        self._next = self._share

    def heed_signals(self) -> None:
        """From here on the request to leave is one to finish first."""
        signal.set_wakeup_fd(self.bell.writer, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGQUIT):
            signal.signal(number, lambda *_: self.stop())
        signal.signal(signal.SIGINT, lambda *_: leave_now())
        # The log is the master's to reopen.
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)

    def stop(self) -> None:
        """The worker is to leave: it takes nothing new, and finishes what it has."""
        self.is_stopping = True
        self.stopped.ring()
        self.bell.ring()
        if self.loop is None:
            self.part()
            if threading.current_thread() is threading.main_thread():
                # The first thread may be in a handler itself: only a signal reaches it there.
                signal.signal(signal.SIGALRM, lambda *_: self.cut_the_silent())
                signal.setitimer(signal.ITIMER_REAL, self.grace, self.grace / 4)

    def part(self) -> None:
        """Takes leave of the clients that are between two requests."""
        for visit in list(self.visits):
            visit.part()

    @property
    def grace(self) -> float:
        """How long a silent client is waited for at a stop, in seconds."""
        return max(0.01, min(FIRST_BYTE, float(self.cfg.graceful_timeout or 2 * FIRST_BYTE) / 2))

    def cut_the_silent(self) -> None:
        """Takes leave of clients that have never sent anything."""
        for visit in list(self.visits):
            # One from the queue has had less time, and was there for longer.
            visit.cut_if_silent(self.grace / 2)

    def sleep(self, seconds: Optional[float]) -> bool:
        """Waits; returns early, and False, when the worker is asked to leave."""
        if not self.is_stopping:
            wait([self.stopped], seconds)
        return not self.is_stopping

    @property
    def is_done(self) -> bool:
        """Whether the worker has done its max_requests."""
        return self.ledger.count >= self._next

    def recycle(self) -> None:
        """Asks to be relieved: a successor comes first, and then the request to leave."""
        self.notifier.say("X_PH_RECYCLE=1")

    def renew(self) -> None:
        """Nobody has come to relieve it: another share follows."""
        self.logger.warning("no successor yet: going on beyond max_requests")
        self._next = self.ledger.count + self._share

    @property
    def patience(self) -> float:
        """How long to wait for a successor, in seconds."""
        return float(self.cfg.boot_timeout or PATIENCE)

    def rest(self) -> None:
        """Has asked to be relieved, and waits for that."""
        self.recycle()
        if self.sleep(self.patience):
            self.renew()


def leave_now() -> None:
    """Ends the process at once, as it was asked to."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    os._exit(0)


class Worker:
    """A worker: constructed in its process, then `setup`, `init_process`, `handle_request` again and again, and `stop`.

    It is ready when `init_process` has returned. `handle_request(self)` does one job; `handle_request(self, sock, client, addr)`
    serves one connection of a listener that the configuration names by `bind` or `unix_socket`.
    """

    alive: bool = True
    file_logger: logging.Logger = logging.getLogger()
    logger: logging.Logger = logging.getLogger()
    ppid: Optional[int] = None
    LISTENERS: Optional[List[socket.socket]] = None
    max_requests: int = MAXSIZE
    # For a class that does not call this one's constructor.
    cfg: Any = None
    _frame: Optional[Frame] = None
    # Whether it works on several requests at once: then a late one does not end it before the others are done.
    _shared: bool = False

    def __init__(
        self,
        cfg: Any,
        file_logger: Optional[logging.Logger] = None,
        ppid: Optional[int] = None,
        sockets: Optional[List[socket.socket]] = None,
    ) -> None:
        self.cfg = cfg
        self.file_logger = file_logger or logging.getLogger()
        self.logger = self.file_logger
        self.ppid = ppid
        self.LISTENERS = sockets
        self.max_requests = int(cfg.max_requests or MAXSIZE)

    def setup(self) -> None:
        """First thing after the constructor."""

    def init_process(self) -> None:
        """Last thing before the first request: the worker is ready when this returns."""

    # Job and connection differ in what they are given.
    handle_request: Any

    def stop(self) -> None:
        """Last thing of all; called before that, it asks the worker to leave."""
        self.alive = False
        if self._frame is not None and not self._frame.is_stopping:
            self._frame.stop()

    # What a worker can use.

    @property
    def pid(self) -> int:
        """Its process."""
        return os.getpid()

    @property
    def nr(self) -> int:
        """Requests that it has done."""
        return self._frame.ledger.count if self._frame is not None else 0

    @property
    def fencing_token(self) -> Optional[int]:
        """The number of the leadership that it works for (`leader = file` or `etcd`): larger with each new leader. Whoever is written
        to refuses a smaller one than it has seen. None where the master stands alone."""
        return self._here.slot.token

    def leading(self) -> bool:
        """Whether it may go on: its master leads, and the time that it leads for is not over. Always so where it stands alone."""
        return self._here.slot.is_led

    def sleep(self, seconds: Optional[float] = None) -> bool:
        """Waits for so long, or for ever; returns early, and False, when the worker is asked to leave."""
        return self._here.sleep(seconds)

    @contextlib.contextmanager
    def request(self) -> Iterator[None]:
        """In a handler that serves many requests on one connection, each of them: `with self.request(): ...`. Between two, a
        worker that is asked to leave ends the connection as if the client had hung up."""
        visit = current_visit.get()
        if visit is None:
            raise RuntimeError("request() is for a handler, in its own thread or coroutine")
        visit.begin()
        try:
            yield
        finally:
            visit.end()

    def say(self, status: str) -> None:
        """What the worker is doing, for `ph status`."""
        self._here.notifier.say(f"STATUS={status}")

    # What its kinds are made of.

    @property
    def _here(self) -> Frame:
        if self._frame is None:
            raise RuntimeError("the worker is not at work yet")
        return self._frame

    def _attach(self, frame: Frame, sockets: List[socket.socket]) -> None:
        """It has been constructed: what its constructor left out is made good."""
        self._frame = frame
        if self.cfg is None:
            self.cfg = frame.cfg
        if not self.LISTENERS:
            self.LISTENERS = sockets
        if self.ppid is None:
            self.ppid = frame.ppid

    def _takes_connections(self) -> bool:
        """Whether `handle_request` is one for connections. Raises `NotReady` if it can't be called, or has nothing to serve."""
        handler = getattr(self, "handle_request", None)
        name = type(self).__name__
        if not callable(handler):
            raise NotReady(f"{name} has no handle_request")
        if not self.LISTENERS and accepts(handler, 0):
            return False
        if accepts(handler, 3):
            if not self.LISTENERS:
                raise NotReady(f"{name}.handle_request takes connections; set bind or unix_socket to where")
            return True
        if accepts(handler, 0):
            return False
        raise NotReady(
            f"{name}.handle_request is to take nothing (a job), or sock, client and addr (a connection)"
        )

    def _check(self) -> None:
        """Raises `NotReady` if the class is not made for its kind of worker."""
        self._takes_connections()

    def _live(self) -> None:
        """Works until it is asked to leave."""
        raise NotImplementedError

    def _tell_late(self, who: str, age: float, thread: Optional[int]) -> None:
        """A request past `timeout` is why the worker was asked to leave, and why it will not manage to."""
        frame = sys._current_frames().get(thread) if thread is not None else None
        place = f", in {frame.f_code.co_filename}:{frame.f_lineno} ({frame.f_code.co_name})" if frame else ""
        self.file_logger.error("request past timeout: %s is stuck in it for %.1f s%s", who, age, place)

    # Jobs.

    def _take_jobs(self) -> None:
        """One job after the other."""
        frame, errors = self._here, 0
        while not frame.is_stopping:
            if not frame.slot.is_led:
                # About to be ended; another may work already.
                frame.sleep(UNLED)
                continue
            if frame.is_done:
                frame.rest()
                continue
            token = frame.ledger.begin()
            try:
                self.handle_request()
                errors = 0
            except Exception:
                errors += 1
                self.file_logger.exception("job failed")
            finally:
                frame.ledger.end(token)
            if errors > 1:
                frame.sleep(pause(errors))

    # Connections.

    def _accept(self) -> "Accepting":
        return Accepting(self._here, self.LISTENERS or [])

    def _serve(self, connection: Connection) -> None:
        """One connection, in this thread."""
        sock, client, address = connection
        frame = self._here
        visit = Visit(frame, client)
        mark = current_visit.set(visit)
        try:
            if frame.timeout is not None:
                # A silent client is given up before the master would give up its worker.
                client.settimeout(frame.timeout * 0.9)
            self.handle_request(sock, client, address)
        except Exception as error:
            self._complain(error)
        finally:
            visit.close()
            current_visit.reset(mark)
            close(client)

    def _complain(self, error: BaseException) -> None:
        """A handler has failed. That the client has gone is no news."""
        if isinstance(error, (ConnectionError, socket.timeout, TimeoutError)):
            self.file_logger.debug("connection ended: %r", error)
        else:
            self.file_logger.error("connection failed", exc_info=error)


class Accepting:
    """The turns of a worker that takes connections: which, when none, and when no more."""

    def __init__(self, frame: Frame, listeners: List[socket.socket]) -> None:
        self._frame = frame
        self._acceptor = Acceptor(listeners, frame.bell, frame.slot)

    def next(self, has_room: bool = True) -> Optional[Connection]:
        """The next connection, or None when there is something else to look at."""
        frame = self._frame
        if not frame.is_done:
            return self._acceptor.wait(has_room)
        # What it holds is finished meanwhile.
        frame.recycle()
        until = time.monotonic() + frame.patience
        while not frame.is_stopping:
            left = until - time.monotonic()
            if left <= 0:
                frame.renew()
                break
            self._acceptor.wait(False, left)
        return None

    def rest(self) -> Iterator[Connection]:
        """What is to be taken although the worker leaves."""
        return self._acceptor.last_call()


def pause(errors: int) -> float:
    """Seconds between jobs that fail in a row: one that fails at once should not fill the disk with saying so."""
    return float(min(5.0, 0.1 * 2 ** min(errors - 2, 6)))


def close(client: socket.socket) -> None:
    """Closes a connection; one that has been given to somebody else is left alone."""
    with contextlib.suppress(OSError):
        client.close()


def _below(jitter: Optional[int]) -> int:
    if not jitter:
        return 0
    # Few need it, and it is not small.
    import random

    return random.randint(0, jitter)


@functools.lru_cache(maxsize=16)
def _takes(function: Any, count: int) -> bool:
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    except ValueError:
        # Nothing is known of it.
        return True
    return True


def accepts(handler: Any, count: int) -> bool:
    """Whether it can be called with so many values. Looked at once for each function, whoever asks."""
    function = getattr(handler, "__func__", None)
    if function is None:
        function = handler
    else:
        count += 1
    try:
        return _takes(function, count)
    except TypeError:
        # It can't be remembered.
        return _takes.__wrapped__(function, count)
