"""A worker's process, from its first moment to its exit code."""

import importlib
import os
import signal
import sys
import traceback
from typing import Any, List, Optional, Type

from . import contract, log
from .config import Config, ConfigError
from .slots import SlotError
from .workers.base import Frame, NotReady, Worker

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
    notifier = contract.Notifier.from_environment()
    try:
        worker, frame = _build(arguments[0], notifier)
    except (BootError, ConfigError, SlotError) as error:
        print(f"cannot boot: {error}", file=sys.stderr)
        notifier.say(f"X_PH_FAILED={error}")
        return BOOT
    frame.heed_signals()
    notifier.say(*(["X_PH_SHARED=1"] if worker._shared else []), "READY=1")
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


def _build(name: str, notifier: contract.Notifier) -> "tuple[Worker, Frame]":
    cfg = Config.from_environment()
    sockets = contract.listeners()
    slot = contract.slot()
    ppid = int(os.environ.get("PH_MASTER_PID") or os.getppid())
    logger = log.begin(cfg.proc_name or "processhandler", cfg.log_level, cfg.log_file, cfg.start_dir)
    _show_title(cfg)
    if cfg.start_dir not in sys.path:
        sys.path.insert(0, cfg.start_dir)
    kind = find(name)
    frame = Frame(cfg, logger, notifier, slot, ppid)
    worker = _try(f"{name}()", lambda: kind(cfg, logger, ppid, sockets))
    worker._attach(frame, sockets)
    try:
        worker._check()
    except NotReady as error:
        raise BootError(str(error)) from error
    _try(f"{name}.setup", worker.setup)
    _try(f"{name}.init_process", worker.init_process)
    return worker, frame


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


def _show_title(cfg: Config) -> None:
    """As far as 15 bytes go, as other workers do. The command line is the interpreter's to lay out."""
    try:
        with open("/proc/self/comm", "w") as comm:
            comm.write(f"ph: worker {os.environ.get('PH_WORKER_ID', '')} [{cfg.proc_name}]")
    except OSError:
        pass
