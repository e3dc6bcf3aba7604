"""The former name of `processhandler.workers.sync`."""

from processhandler.workers.sync import SyncWorker

__all__ = ["SyncWorker"]
