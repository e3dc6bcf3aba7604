"""The former name of `processhandler.workers.coroutine`."""

from processhandler.workers.coroutine import CoroutineWorker

__all__ = ["CoroutineWorker"]
