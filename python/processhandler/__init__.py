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

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

# Imported when they are asked for: asyncio alone would take each worker a third of its start and its memory.
_PLACES = {
    "Arbiter": "launch",
    "Config": "config",
    "CoroutineWorker": "workers.coroutine",
    "MsgpackRpcWorker": "workers.rpc",
    "RpcError": "workers.rpc",
    "SyncWorker": "workers.sync",
    "ThreadWorker": "workers.thread",
    "Worker": "workers.base",
    "parse_args": "launch",
    "rpc": "workers.rpc",
    "setup_file_logging": "log",
}


def __getattr__(name: str) -> Any:
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{place}", __name__), name)
    globals()[name] = value
    return value
