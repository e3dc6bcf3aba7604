"""A worker's process, from its first moment to its exit code."""

import importlib
import logging
import os
import signal
import sys
import traceback
from typing import Any, List, Optional, Type

from . import contract, log, title
from .config import Config, ConfigError
from .slots import SlotError
from .workers.base import Frame, NotReady, Worker, accepts
from .zygote import Unfit, Zygote

# Exit codes, for people who read logs: the master goes by what it was told.
DONE, FAILED, USAGE, BOOT = 0, 1, 2, 70


class BootError(Exception):
    """A worker can't boot; the text is the sentence for whoever started it."""


def main(arguments: List[str]) -> int:
    """Is the worker of the class that the arguments name; returns its exit code."""
    # Until it is ready, a signal ends it as it ends any program.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        # What is printed is to be in the log when it is printed.
        getattr(stream, "reconfigure", lambda **_: None)(line_buffering=True)
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python -m processhandler MODULE:CLASS, by: ph run --python MODULE:CLASS", file=sys.stderr)
        return USAGE
    try:
        worker, frame = _build(arguments[0])
    except (BootError, ConfigError, SlotError, Unfit) as error:
        print(f"cannot boot: {error}", file=sys.stderr)
        contract.Notifier.from_environment().say(f"X_PH_FAILED={error}")
        return BOOT
    frame.heed_signals()
    frame.notifier.say(*(["X_PH_SHARED=1"] if worker._shared else []), "READY=1")
    try:
        worker._live()
        _until_done(worker)
    except Exception:
        worker.file_logger.exception("worker cannot go on")
        return FAILED
    return DONE


def _until_done(worker: Worker) -> None:
    worker.alive = False
    worker.stop()


class Given:
    """What is a worker's own: it is taken out of the environment."""

    def __init__(self) -> None:
        self.sockets = contract.listeners()
        self.slot = contract.slot()
        self.notifier = contract.Notifier.from_environment()
        self.ppid = int(os.environ.get("PH_MASTER_PID") or os.getppid())


def _build(name: str) -> "tuple[Worker, Frame]":
    zygote = Zygote.from_environment()
    if zygote is None:
        given = Given()
        cfg, logger, kind = _load(name)
        title.show_name(f"ph: worker {os.environ.get('PH_WORKER_ID', '')} [{cfg.proc_name}]")
    else:
        cfg, logger, kind = zygote.load(lambda: _load(name))
        given = Given()
        zygote.bind()
    frame = Frame(cfg, logger, given.notifier, given.slot, given.ppid)
    worker = _try(f"{name}()", lambda: kind(cfg, logger, given.ppid, given.sockets))
    worker._attach(frame, given.sockets)
    try:
        worker._check()
    except NotReady as error:
        raise BootError(str(error)) from error
    _try(f"{name}.setup", worker.setup)
    _try(f"{name}.init_process", worker.init_process)
    return worker, frame


def _load(name: str) -> "tuple[Config, logging.Logger, Type[Worker]]":
    """What is the same for all workers."""
    cfg = Config.from_environment()
    logger = log.begin(cfg.proc_name or "processhandler", cfg.log_level, cfg.log_file, cfg.start_dir)
    if cfg.start_dir not in sys.path:
        sys.path.insert(0, cfg.start_dir)
    kind = find(name)
    # Looked at once, as a job's and as a connection's, with `self`; whether it is as it should be is for each worker to say, whose
    # constructor may change it.
    for count in (1, 4):
        accepts(getattr(kind, "handle_request", None), count)
    return cfg, logger, kind


def find(name: str) -> Type[Worker]:
    """The class `MODULE:CLASS`. Raises `BootError` with a sentence if there is none, or it is no worker."""
    module_name, _, class_name = name.partition(":")
    if not module_name or not class_name:
        raise BootError(f"{name} is no MODULE:CLASS")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name + ".").startswith(error.name + "."):
            raise BootError(f"there is no module {module_name} in {sys.path[0]}, nor elsewhere on sys.path") from error
        traceback.print_exc()
        raise BootError(f"cannot import {module_name}: {error}") from error
    except SyntaxError as error:
        traceback.print_exc()
        raise BootError(f"cannot import {module_name}: {error.filename}:{error.lineno}: {error.msg}") from error
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        raise BootError(f"cannot import {module_name}: {_sentence(error)}") from error
    for part in class_name.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            raise BootError(f"the module {module_name} has no class {class_name}") from None
    if not isinstance(found, type) or not issubclass(found, Worker):
        kinds = "SyncWorker, ThreadWorker, CoroutineWorker or MsgpackRpcWorker"
        raise BootError(f"{name} is no worker; derive it from {kinds}")
    return found


def _try(what: str, call: Any) -> Any:
    try:
        return call()
    except NotReady as error:
        raise BootError(str(error)) from error
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        raise BootError(f"{what} failed: {_sentence(error)}") from error


def _sentence(error: BaseException) -> str:
    """An exception, and where it came from."""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    place: Optional[traceback.FrameSummary] = frames[-1] if frames else None
    return said if place is None else f"{said} ({place.filename}:{place.lineno})"
