"""The former name of `processhandler.workers.base`."""

from processhandler.workers.base import Worker

__all__ = ["Worker"]
