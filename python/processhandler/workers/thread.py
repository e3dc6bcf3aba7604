"""As many jobs, or connections, at a time as there are `threads`."""

import queue
import threading
from typing import Callable, Optional

from ..acceptor import Connection
from ..bell import wait
from .base import TICK, Worker


class ThreadWorker(Worker):
    """A worker whose requests run on threads, which share it: what they change together is theirs to lock.

    Nobody can end a thread: because of a request that takes longer than `timeout` the worker gets a successor, finishes the others,
    and is killed at `graceful_timeout`.
    """

    _shared = True

    def _live(self) -> None:
        self._open = 0
        self._failure: Optional[BaseException] = None
        count = max(1, int(self.cfg.threads or 1))
        if self._takes_connections():
            self._serve_on(count)
        else:
            self._work_on(count)
        if self._failure is not None:
            raise self._failure

    def _serve_on(self, count: int) -> None:
        frame, accepting = self._here, self._accept()
        handed: "queue.SimpleQueue[Optional[Connection]]" = queue.SimpleQueue()
        lock = threading.Lock()

        def serve() -> None:
            while True:
                connection = handed.get()
                if connection is None:
                    return
                self._serve(connection)
                with lock:
                    self._open -= 1
                    was_full = self._open == count - 1
                if was_full:
                    frame.bell.ring()

        def hand(connection: Connection) -> None:
            with lock:
                self._open += 1
            handed.put(connection)

        self._start(count, serve)
        while not frame.is_stopping:
            connection = accepting.next(self._open < count)
            if connection is not None:
                hand(connection)
        self._name_the_late()
        for connection in accepting.rest():
            hand(connection)
        for _ in range(count):
            handed.put(None)
        self._join()

    def _work_on(self, count: int) -> None:
        frame = self._here
        self._start(count, self._take_jobs)
        while not frame.is_stopping:
            wait([frame.bell], None)
            frame.bell.silence()
        self._name_the_late()
        self._join()

    def _name_the_late(self) -> None:
        frame = self._here
        if frame.timeout is None:
            return
        names = {thread.ident: thread.name for thread in threading.enumerate()}
        for thread, age in frame.ledger.late(frame.timeout - TICK):
            self._tell_late(f"thread {names.get(thread, thread)}", age, thread)

    def _start(self, count: int, work: Callable[[], None]) -> None:
        lock = threading.Lock()
        self._working = count

        def run() -> None:
            try:
                work()
            except BaseException as error:  # SystemExit of a handler, above all
                self._failure = error
                self._here.stop()
            finally:
                with lock:
                    self._working -= 1
                self._here.bell.ring()

        for number in range(count):
            threading.Thread(target=run, name=f"worker-{number}", daemon=True).start()

    def _join(self) -> None:
        """Waits for all of them, and hears signals meanwhile."""
        bell = self._here.bell
        while self._working and self._failure is None:
            wait([bell], None)
            bell.silence()
