"""The former name of `processhandler.launch`."""

from processhandler.launch import Arbiter

__all__ = ["Arbiter"]
