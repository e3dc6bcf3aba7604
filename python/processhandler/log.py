"""Logging by the standard library. What a worker prints or logs to standard error is put in the log by its master, a line at
a time and marked with the worker; so nobody else needs to open, rotate or reopen that file."""

import logging
import os
import sys
from typing import Optional, Union

# The master writes the time and the worker in front of each line.
PLAIN_FORMAT = "%(levelname)s %(name)s: %(message)s"
FILE_FORMAT = "[%(asctime)s] %(levelname)s %(name)s %(process)d: %(message)s"

_LEVELS = {"trace": logging.DEBUG, "debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}

# The file that the master logs to; known once a worker boots.
_master_log: Optional[str] = None
_start_dir: Optional[str] = None


def begin(name: str, level: Optional[str], master_log: Optional[str], start_dir: str) -> logging.Logger:
    """The logger of a worker, which logs to its master; and what `setup_file_logging` has to know."""
    global _master_log, _start_dir
    _start_dir = start_dir
    _master_log = os.path.join(start_dir, master_log) if master_log else None
    return setup_file_logging(name, None, _LEVELS.get(level or "info", logging.INFO))


def setup_file_logging(
    logger_name: str,
    file_name: Union[str, "os.PathLike[str]", None],
    level: int = logging.INFO,
    log_format: Optional[str] = None,
    propagate: bool = False,
) -> logging.Logger:
    """Has a logger write to a file, and returns it. The master's own log file is written to by the master's hand; without a
    file, so is its log. Called again, it changes where and how, and doubles nothing.

    A file that is renamed is followed by name from the next line on.
    """
    logger = logging.getLogger(None if logger_name == "root" else logger_name)
    path = None if file_name is None else os.path.join(_start_dir or os.getcwd(), os.fspath(file_name))
    handler: logging.Handler
    if path is None or _is_masters(path):
        handler = logging.StreamHandler(sys.stderr)
        default = PLAIN_FORMAT
    else:
        from logging.handlers import WatchedFileHandler

        handler = WatchedFileHandler(path, encoding="utf-8", errors="backslashreplace")
        default = FILE_FORMAT
    handler.setFormatter(logging.Formatter(log_format or default))
    for former in [one for one in logger.handlers if getattr(one, "_processhandler", False)]:
        logger.removeHandler(former)
        former.close()
    setattr(handler, "_processhandler", True)
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = bool(propagate)
    return logger


def _is_masters(path: str) -> bool:
    return _master_log is not None and os.path.realpath(path) == os.path.realpath(_master_log)
