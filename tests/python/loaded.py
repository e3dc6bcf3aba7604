"""The suite's workers, from a module that takes note of each time that it is loaded, and obeys files in its directory."""

import os
import random
import signal
import time

from classes import CoroutineJobs, Coroutine, Rpc, Sync, SyncJobs, Thread, note  # noqa: F401 (tests name them)

with open("imports", "a") as imports:
    imports.write("%d\n" % os.getpid())
while os.path.exists("hang"):
    time.sleep(0.02)
if os.path.exists("fail"):
    raise RuntimeError("as asked")

ZYGOTE = os.getpid()


def at_fork():
    """A worker's first instant: the process between it and the zygote has passed by."""
    if os.getppid() != ZYGOTE and os.path.exists("at-fork"):
        with open("at-fork") as told:
            name = told.read()
        os.remove("at-fork")
        os.kill(os.getpid(), getattr(signal, "SIG" + name))


os.register_at_fork(after_in_child=at_fork)


class Random(SyncJobs):
    """Its workers have different random numbers."""

    def init_process(self):
        super().init_process()
        note(self, "random", random.random())


class Environment(SyncJobs):
    """Writes down what it is told of itself."""

    def init_process(self):
        super().init_process()
        names = ("PH_WORKER_ID", "PH_GENERATION", "PH_APP", "WATCHDOG_PID", "OWN")
        note(self, "told", os.getpid(), *(os.environ.get(name) for name in names))
        note(self, "open", os.getpid(), *sorted(os.listdir("/proc/self/fd"), key=int))
