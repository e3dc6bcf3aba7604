"""A class that counts, and does what it is told by a file: `tests/languages.rs`."""

import ctypes
import os
import signal
import subprocess
import sys
import time

from processhandler import SyncWorker


def recurse():
    recurse()


def set_a_daemon_aside():
    """By two forks, as daemons are made. It ignores the request to leave."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            with open("part", "w") as part:
                part.write("%d\n" % os.getpid())
            os.rename("part", "daemon")
            time.sleep(1002)
        os._exit(0)
    os.wait()


def obey(what):
    if what == "exit":
        sys.exit(3)
    elif what == "ABRT":
        os.abort()
    elif what == "SEGV":
        ctypes.memset(0, 0, 1)
    elif what == "overflow":
        recurse()
    elif what == "panic":
        raise RuntimeError("as ordered")
    elif what == "daemon":
        set_a_daemon_aside()
        while not os.path.exists("daemon"):
            time.sleep(0.01)
        sys.exit(3)


class Obedient(SyncWorker):
    number = 0

    def init_process(self):
        if os.environ.get("FAMILY"):
            subprocess.Popen(["sleep", "1001"])

    def handle_request(self):
        self.number += 1
        print("tick %d" % self.number)
        order = "order." + os.environ["PH_WORKER_ID"]
        if os.path.exists(order):
            with open(order) as file:
                what = file.read().strip()
            os.unlink(order)
            obey(what)
        self.sleep(0.02)
