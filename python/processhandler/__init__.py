"""Workers of ProcessHandler that are Python classes, on CPython and PyPy.

The master is the program `ph`: it starts the workers, hands them their sockets, replaces those that end, reloads and stops them
(`ph run --python MODULE:CLASS`). This package is what runs in a worker.

    from processhandler import SyncWorker

    class Job(SyncWorker):
        def handle_request(self):
            print("go...")
            self.sleep(1.5)  # returns early when asked to stop

A class with `handle_request(self, sock, client, addr)` serves connections instead.
"""

from .config import Config
from .launch import Arbiter, parse_args
from .log import setup_file_logging
from .workers.base import Worker
from .workers.coroutine import CoroutineWorker
from .workers.rpc import MsgpackRpcWorker, RpcError, rpc
from .workers.sync import SyncWorker
from .workers.thread import ThreadWorker

__version__ = "0.1.0"
__all__ = [
    "Arbiter",
    "Config",
    "CoroutineWorker",
    "MsgpackRpcWorker",
    "RpcError",
    "SyncWorker",
    "ThreadWorker",
    "Worker",
    "parse_args",
    "rpc",
    "setup_file_logging",
]
