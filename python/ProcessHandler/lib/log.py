"""The former name of `processhandler.log`."""

from processhandler.log import setup_file_logging

__all__ = ["setup_file_logging"]
