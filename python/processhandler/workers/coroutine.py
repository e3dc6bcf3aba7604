"""As many jobs, or connections, at a time as there are `max_coroutines`, in one asyncio loop.

The loop has a thread of its own. The process's first thread waits for the listeners and takes the signals: an epoll set within
that of a loop would wake every worker for each connection.
"""

import asyncio
import inspect
import selectors
import socket
import threading
from typing import Any, Optional, Set, Tuple

from ..acceptor import Connection
from ..bell import wait
from ..slots import Ledger, Slot, now
from .base import TICK, UNLED, NotReady, Visit, Worker, close, current_visit, pause


class WatchedSelector(selectors.EpollSelector):
    """Tells in the slot since when the loop is at one turn. A loop that a handler blocks is what the master finds late; a handler
    that waits too long is given up by the worker itself."""

    def __init__(self, slot: Slot) -> None:
        super().__init__()
        self._slot = slot

    def select(self, timeout: Optional[float] = None) -> Any:
        self._slot.turn(0)
        events = super().select(timeout)
        self._slot.turn(now())
        return events


class CoroutineWorker(Worker):
    """A worker whose `handle_request` is a coroutine: `async def`. `client` does not block: it is for the loop's `sock_recv` and
    `sock_sendall`, or for `self.open(client)`, which makes the streams of asyncio of it."""

    _shared = True

    async def open(self, client: socket.socket) -> Tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The streams of a connection."""
        return await asyncio.open_connection(sock=client)

    def _check(self) -> None:
        super()._check()
        if not inspect.iscoroutinefunction(self.handle_request):
            raise NotReady(f"{type(self).__name__}.handle_request is to be a coroutine: async def")

    def _live(self) -> None:
        frame = self._here
        frame.ledger = Ledger(frame.slot, shows_oldest=False)
        selector = selectors.EpollSelector() if frame.timeout is None else WatchedSelector(frame.slot)
        loop = asyncio.SelectorEventLoop(selector)
        frame.loop = loop
        self._tasks: Set["asyncio.Task[None]"] = set()
        self._open = 0
        self._failure: Optional[BaseException] = None
        self._is_last = False
        most = max(1, int(self.cfg.max_coroutines or 1))
        self._thread = threading.Thread(target=self._turn, args=(loop,), name="loop", daemon=True)
        self._thread.start()
        if self._takes_connections():
            self._hand_over(loop, most)
        else:
            self._call(loop, self._begin_jobs, most)
            while not frame.is_stopping:
                wait([frame.bell], None)
                frame.bell.silence()
            self._name_the_late()
            self._call(loop, self._halt)
        self._call(loop, self._finish)
        while not loop.is_closed() and self._failure is None:
            wait([frame.bell], None)
            frame.bell.silence()
        if self._failure is not None:
            raise self._failure

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop's thread."""
        asyncio.set_event_loop(loop)
        # Made in here: it belongs to the loop of its thread.
        self._halted = asyncio.Event()
        try:
            loop.run_forever()
            loop.run_until_complete(loop.shutdown_asyncgens())
        except BaseException as error:  # SystemExit of a handler leaves a loop at once
            self._failure = error
        finally:
            loop.close()
            self._here.stop()

    def _call(self, loop: asyncio.AbstractEventLoop, *call: Any) -> None:
        """Has the loop do something, unless it has come to its end."""
        try:
            loop.call_soon_threadsafe(*call)
        except RuntimeError:
            pass

    def _hand_over(self, loop: asyncio.AbstractEventLoop, most: int) -> None:
        frame, accepting = self._here, self._accept()
        self._lock = threading.Lock()

        def hand(connection: Connection) -> None:
            with self._lock:
                self._open += 1
            self._call(loop, self._begin, connection, most)

        while not frame.is_stopping:
            connection = accepting.next(self._open < most)
            if connection is not None:
                hand(connection)
        self._name_the_late()
        self._call(loop, self._halt)
        for connection in accepting.rest():
            hand(connection)

    def _name_the_late(self) -> None:
        """One that blocks the loop."""
        frame = self._here
        began = frame.slot.began
        age = (now() - began) / 1e9
        if frame.timeout is not None and began and age >= frame.timeout - TICK:
            self._tell_late("a coroutine", age, self._thread.ident)

    # In the loop.

    def _begin(self, connection: Connection, most: int) -> None:
        task = asyncio.ensure_future(self._converse(connection))
        self._tasks.add(task)

        def ended(task: "asyncio.Task[None]") -> None:
            self._tasks.discard(task)
            with self._lock:
                self._open -= 1
                was_full = self._open == most - 1
            if was_full:
                self._here.bell.ring()
            self._look(task)

        task.add_done_callback(ended)

    async def _converse(self, connection: Connection) -> None:
        sock, client, address = connection
        client.setblocking(False)
        visit = Visit(self._here, client)
        visit.task = asyncio.current_task()
        current_visit.set(visit)
        visit.arm()
        try:
            await self.handle_request(sock, client, address)
        except asyncio.CancelledError:
            if not visit.is_late:
                raise
            self.file_logger.warning("a request from %s was given up after %s s", address, self._here.timeout)
        except Exception as error:
            self._complain(error)
        finally:
            visit.close()
            close(client)

    def _begin_jobs(self, count: int) -> None:
        for _ in range(count):
            task = asyncio.ensure_future(self._take_jobs_in_turn())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            task.add_done_callback(self._look)

    async def _take_jobs_in_turn(self) -> None:
        frame, errors = self._here, 0
        while not frame.is_stopping:
            if not frame.slot.is_led:
                await self._stopped(UNLED)
                continue
            if frame.is_done:
                if not self._rests:
                    self._rests = True
                    frame.recycle()
                    await self._stopped(frame.patience)
                    self._rests = False
                    if not frame.is_stopping:
                        frame.renew()
                else:
                    await self._stopped(1.0)
                continue
            token = frame.ledger.begin()
            try:
                await asyncio.wait_for(self.handle_request(), frame.timeout)
                errors = 0
            except asyncio.TimeoutError:
                self.file_logger.warning("a job was given up after %s s", frame.timeout)
            except Exception:
                errors += 1
                self.file_logger.exception("job failed")
            finally:
                frame.ledger.end(token)
            # One that never waits must not keep the others from it.
            await (self._stopped(pause(errors)) if errors > 1 else asyncio.sleep(0))

    _rests = False

    async def _stopped(self, timeout: Optional[float]) -> None:
        """Waits until the worker is asked to leave, but no longer than that."""
        try:
            await asyncio.wait_for(self._halted.wait(), timeout)
        except asyncio.TimeoutError:
            pass

    async def rest(self, seconds: Optional[float] = None) -> bool:
        """As `sleep`, for a coroutine."""
        await self._stopped(seconds)
        return not self._here.is_stopping

    def _halt(self) -> None:
        """The worker was asked to leave."""
        self._halted.set()
        self._here.part()
        self._here.loop.call_later(self._here.grace, self._cut_the_silent)

    def _cut_the_silent(self) -> None:
        frame = self._here
        frame.cut_the_silent()
        # Again and again: there may be some from the queue.
        frame.loop.call_later(frame.grace / 4, self._cut_the_silent)

    def _finish(self) -> None:
        """Nothing more will come: what the first thread has taken is a task by now."""
        self._is_last = True
        self._end_with_the_last()

    def _look(self, task: "asyncio.Task[None]") -> None:
        """A task has ended."""
        if not task.cancelled() and task.exception() is not None:
            self._failure = self._failure or task.exception()
            self._here.stop()
        self._end_with_the_last()

    def _end_with_the_last(self) -> None:
        """The loop ends with its last task; not before the first thread has handed over what it has taken."""
        if self._is_last and not self._tasks:
            asyncio.get_event_loop().stop()
