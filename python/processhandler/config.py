"""The configuration of a worker, as its master has it: of all layers, `--set` included, and interpolated."""

import json
import os
from typing import Any, Callable, Dict, Mapping, Optional

VARIABLE = "PH_SETTINGS"

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "": 1.0}
_SIZES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_BOOLEANS = {"1": True, "yes": True, "true": True, "on": True, "0": False, "no": False, "false": False, "off": False}


class ConfigError(Exception):
    """The configuration can't be read, or is not there."""


def boolean(text: str) -> bool:
    """`1`, `yes`, `true`, `on` and their opposites, as `configparser` has them."""
    try:
        return _BOOLEANS[text.strip().lower()]
    except KeyError:
        raise ValueError(f"not a boolean: {text}") from None


def seconds(text: str) -> float:
    """A duration such as `3`, `0.5`, `500ms`, `2m`."""
    text = text.strip().lower()
    number = text.rstrip("mshd ")
    return float(number) * _UNITS[text[len(number):].strip()]


def size(text: str) -> int:
    """A size in bytes, such as `4096` or `64MiB`."""
    text = text.strip().lower()
    number = text.rstrip("kmgtib ")
    unit = text[len(number):].strip()
    return int(float(number) * _SIZES[unit[:1].strip("b")])


def mode(text: str) -> int:
    """An octal mode."""
    return int(text, 8)


def number(text: str) -> Any:
    """A whole number, where a word (`auto`) stands for itself."""
    return int(text) if text.isdigit() else text


# What is none of these is a text. `none` is None everywhere.
_TYPES: Dict[str, Callable[[str], Any]] = {
    "daemonize": boolean,
    "single_instance": boolean,
    "log_rotate": size,
    "log_keep": int,
    "number_workers": number,
    "min_workers": int,
    "max_workers": number,
    "idle_timeout": seconds,
    "threads": int,
    "max_coroutines": int,
    "ready_after": seconds,
    "preload": boolean,
    "unix_socket_mode": mode,
    "backlog": int,
    "reuse_port": boolean,
    "boot_timeout": seconds,
    "timeout": seconds,
    "graceful_timeout": seconds,
    "max_requests": int,
    "max_requests_jitter": int,
    "max_lifetime": seconds,
    "max_memory": size,
    "max_surge": int,
    "max_unavailable": int,
    "restart_backoff": seconds,
    "restart_backoff_max": seconds,
    "crash_limit": int,
    "umask": mode,
    "rlimit_nofile": number,
    "rlimit_core": number,
    "nice": int,
    "no_new_privs": boolean,
    "leader_ttl": seconds,
    "standby_warm": boolean,
}
_ALIASES = {"max_greenlets": "max_coroutines", "kill_interval": "max_lifetime"}
# Limits of which 0 says that there is none.
_LIMITS = frozenset(
    ["timeout", "boot_timeout", "graceful_timeout", "idle_timeout", "max_lifetime", "max_requests"]
    + ["max_requests_jitter", "max_memory", "log_rotate", "crash_limit"]
)


class Config:
    """`cfg.x` is the key `x`, else the application's own `app.x`, else None.

    Keys of ProcessHandler have their types: numbers, booleans, seconds, bytes; a limit that is switched off is None. The
    application's own are texts; `get` reads them as something else.
    """

    _texts: Dict[str, str]
    _values: Dict[str, Any]

    def __init__(self, texts: Mapping[str, str], start_dir: Optional[str] = None) -> None:
        values = {name: _value(name, text) for name, text in texts.items()}
        self.__dict__["_texts"] = dict(texts)
        self.__dict__["_values"] = values
        self.__dict__["start_dir"] = start_dir or os.getcwd()

    @classmethod
    def from_environment(cls) -> "Config":
        """What the master has passed on. It is taken out of the environment: it is nobody else's."""
        text = os.environ.pop(VARIABLE, None)
        if text is None:
            raise ConfigError("a worker is started by its master: ph run --python MODULE:CLASS")
        try:
            parts = json.loads(text)
            return cls(parts["settings"], parts["start_dir"])
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"the settings of the master can't be read ({error}): is it of another version?") from error

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.get(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._values[_ALIASES.get(name, name)] = value

    def get(self, name: str, default: Any = None, value_type: Optional[Callable[[str], Any]] = None) -> Any:
        """The same for any name, with what to return in the place of None, and a type to read the text by: `cfg.get("ms",
        10, int)`. `bool` reads as `configparser` does."""
        name = _ALIASES.get(name, name)
        key = name if name in self._values else f"app.{name}"
        value = self._values.get(key)
        if value is None:
            return default
        if value_type is None:
            return value
        return (boolean if value_type is bool else value_type)(self._texts.get(key, str(value)))

    def __contains__(self, name: str) -> bool:
        return self.get(name) is not None

    def __repr__(self) -> str:
        return f"<Config of {self.proc_name}>"


def _value(name: str, text: str) -> Any:
    if name.startswith("app."):
        return text
    if text.strip().lower() in ("none", ""):
        return None
    read = _TYPES.get(name)
    if read is None:
        # "stderr" is where the log goes without a file.
        return None if (name, text) == ("log_file", "stderr") else text
    try:
        value = read(text)
    except (ValueError, KeyError) as error:
        raise ConfigError(f"{name} = {text} can't be read ({error}): is the master of another version?") from error
    return None if value == 0 and name in _LIMITS else value
