"""A process that has imported the application once, and forks its workers (`preload = true`).

The master asks for each by a message through a socket, with what is that worker's own. A worker is forked twice, so that it is
the master's own child, and says itself that it is there: the kernel tells the master who has said so.
"""

import contextlib
import ctypes
import gc
import json
import os
import signal
import socket
import sys
import threading
from typing import Any, Callable, Dict, List, NoReturn, Optional, TypeVar

from .contract import FIRST_SOCKET
from .title import CommandLine

VARIABLE = "PH_ZYGOTE_FD"

_LONGEST = 1 << 18
_MOST_DESCRIPTORS = 253
_PR_SET_PDEATHSIG = 1
# Exit codes: it can't be, and nobody wants it any more.
_FAILED, _GONE = 70, 3

Loaded = TypeVar("Loaded")


class Unfit(Exception):
    """No worker can be forked from this process; the text is a sentence for whoever started it."""


class Zygote:
    """This process, until it is a worker."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._socket.set_inheritable(False)
        self._master = int(os.environ["PH_MASTER_PID"])
        # Once, and not in each worker.
        self._libc = ctypes.CDLL(None, use_errno=True)

    @classmethod
    def from_environment(cls) -> "Optional[Zygote]":
        """None in a process that is to be a worker itself."""
        fd = os.environ.pop(VARIABLE, None)
        return None if fd is None else cls(int(fd))

    def load(self, load: Callable[[], Loaded]) -> Loaded:
        """Loads the application, and returns what that gave in each worker, whose process this is then. If `load` raises, the
        master is told, and the process ends."""
        name = os.environ.get("PH_APP", "")
        command_line = CommandLine()
        command_line.show(f"ph: zygote [{name}]")
        restore = _keep_together()
        try:
            loaded = load()
            _count_threads()
        except Exception as error:
            self._fail(str(error))
        # What there is by now is no garbage: a collection that looks at it would write to it, and so copy it.
        getattr(gc, "freeze", gc.collect)()
        self._say("ready")
        while True:
            request = self._wait_for_next()
            if request is not None:
                restore()
                command_line.show(f"ph: worker {os.environ.get('PH_WORKER_ID', '')} [{name}]")
                self.cpus = request["cpus"]
                return loaded

    def bind(self) -> None:
        """Binds a worker to its CPUs. Raises `Unfit`."""
        if self.cpus:
            mask = sum(1 << cpu for cpu in self.cpus).to_bytes(max(self.cpus) // 64 * 8 + 8, "little")
            if self._libc.sched_setaffinity(0, ctypes.c_size_t(len(mask)), mask):
                raise Unfit(f"cannot bind to CPUs {self.cpus}: {os.strerror(ctypes.get_errno())}")

    def _wait_for_next(self) -> Optional[Dict[str, Any]]:
        """What a worker was asked for by, in that worker; None in the zygote, where all is as before.

        The process between the two is there before it is needed, and waits for the request itself: half of the work is done
        by then.
        """
        _flush()
        own = os.getpid()
        try:
            _count_threads()
            between = os.fork()
        except Unfit as error:
            self._fail(str(error))
        except OSError as error:
            request, descriptors = self._hear()
            for fd in descriptors:
                os.close(fd)
            self._say(f"refused {request['serial']} {error.strerror}")
            return None
        if between > 0:
            _, status = os.waitpid(between, 0)
            if status == 0:
                return None
            if os.WIFEXITED(status) and os.WEXITSTATUS(status) == _GONE:
                os._exit(0)
            self._fail("the process that was to fork a worker died")
        # From here on nothing may lead back into the zygote's own life.
        try:
            if not self._die_with(own):
                os._exit(_GONE)
            request, descriptors = self._hear()
            between = os.getpid()
            try:
                worker = os.fork()
                if worker == 0:
                    self._become(request, between, descriptors)
                    return request
                # It may end before it can say anything.
                self._say(f"forked {request['serial']} {worker}")
            except OSError as error:
                self._say(f"refused {request['serial']} {error.strerror}")
            os._exit(0)
        except BaseException:
            os._exit(_FAILED)

    def _hear(self) -> "tuple[Dict[str, Any], List[int]]":
        message, descriptors, _, _ = socket.recv_fds(self._socket, _LONGEST, _MOST_DESCRIPTORS)
        if not message:
            # There is no master, or another program in its place, which has zygotes of its own.
            os._exit(_GONE)
        for fd in descriptors:
            os.set_inheritable(fd, False)
        return json.loads(message), list(descriptors)

    def _die_with(self, parent: int) -> bool:
        """Has the kernel end this process with its parent; False if that is another by now."""
        return not self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) and os.getppid() == parent

    def _become(self, request: Dict[str, Any], between: int, descriptors: List[int]) -> None:
        """Makes a forked process a worker of the master."""
        # It is about to end, and then the master is the parent: a death signal goes by who that is at the time.
        while os.getppid() == between:
            os.sched_yield()
        if not self._die_with(self._master):
            os._exit(_FAILED)
        output, *listeners = descriptors
        if request.get("lock"):
            # It is held as long as the worker lives, and that is all.
            descriptors.remove(listeners.pop())
        os.dup2(output, 1)
        os.dup2(output, 2)
        for number, fd in enumerate(listeners):
            os.dup2(fd, FIRST_SOCKET + number)
        for fd in descriptors:
            os.close(fd)
        # Until it has told of itself it belongs to the zygote, and ends with it.
        self._socket.send(f"born {request['serial']}".encode())
        os.setpgid(0, 0)
        self._socket.close()
        os.environ.update(dict(request["set"]))
        for name in ("LISTEN_PID", "WATCHDOG_PID"):
            if name in os.environ:
                os.environ[name] = str(os.getpid())

    def _fail(self, reason: str) -> NoReturn:
        self._say(f"failed {reason}")
        print(f"cannot boot: {reason}", file=sys.stderr)
        _flush()
        # The interpreter's own way out waits for threads.
        os._exit(_FAILED)

    def _say(self, words: str) -> None:
        try:
            self._socket.send(words.encode("utf-8", "replace")[:4096])
        except OSError:
            # The master is gone, or has given this process up.
            os._exit(_FAILED)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


def _keep_together() -> Callable[[], None]:
    """Has nothing collected while the application is loaded: what a worker makes would be put in the gaps, among what it
    shares, and each page that it writes to is copied. Returns what goes back to as it was, or as the application wants it."""
    if not hasattr(gc, "freeze"):
        return lambda: None
    thresholds = gc.get_threshold()
    gc.set_threshold(0)

    def restore() -> None:
        if gc.get_threshold()[0] == 0:
            gc.set_threshold(*thresholds)

    return restore


def _count_threads() -> None:
    """Raises `Unfit` if there is more than one: the others would not be in a forked process, but what they hold would."""
    try:
        count = os.stat("/proc/self/task").st_nlink - 2
    except OSError:
        count = threading.active_count()
    if count != 1:
        raise Unfit(
            f"importing the module started threads ({count - 1}), which forked workers would not have; start them in setup or"
            " init_process, or unset preload"
        )
