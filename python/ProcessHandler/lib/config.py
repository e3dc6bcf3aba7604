"""The former name of `processhandler.config`."""

from processhandler.config import Config

__all__ = ["Config"]
