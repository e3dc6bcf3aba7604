"""The way in from Python: a program that becomes the master of its own workers."""

import os
import sys
from typing import TYPE_CHECKING, List, Optional

if TYPE_CHECKING:
    import argparse


class Arbiter:
    """`Arbiter("jobs:Sender", "config.ini", "mail").run()`: as `ph -c config.ini -s mail start --python jobs:Sender`, by the
    interpreter that runs this."""

    def __init__(self, app: str, config_file: Optional[str] = None, section: Optional[str] = None) -> None:
        self.app, self.config_file, self.section = app, config_file, section

    def command(self) -> List[str]:
        """The command that `run` becomes."""
        place = []
        if self.config_file:
            place += ["-c", os.fspath(self.config_file)]
        if self.section:
            place += ["-s", self.section]
        return [find_ph(), *place, "--set", f"python={sys.executable}", "start", "--python", self.app]

    def run(self) -> None:
        """Becomes `ph`: does not return. What this program imports from, its workers do as well."""
        command = self.command()
        here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        script = getattr(sys.modules.get("__main__"), "__file__", None)
        paths = [os.path.dirname(os.path.abspath(script))] if script else []
        # After the others: it may be where all that is installed lies.
        paths += [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
        paths.append(here)
        os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os.execv(command[0], command)


def find_ph() -> str:
    """The program `ph`: beside this package, else beside the interpreter, else on `PATH`. Raises `FileNotFoundError` with what
    to do."""
    import shutil
    import sysconfig

    here = os.path.dirname(os.path.abspath(__file__))
    beside = [here, sysconfig.get_path("scripts"), os.path.dirname(sys.executable)]
    for folder in beside:
        path = os.path.join(folder, "ph")
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    found = shutil.which("ph")
    if found is None:
        raise FileNotFoundError(f"there is no program ph on PATH, nor in {' or '.join(dict.fromkeys(beside))}; install it")
    return found


def parse_args(arguments: Optional[List[str]] = None) -> "argparse.Namespace":
    """`-c FILE` and `-s SECTION` of a program that starts an `Arbiter`: `args.config`, `args.section`."""
    import argparse

    parser = argparse.ArgumentParser()
    parser.add_argument("-c", "--config", help="the configuration file")
    parser.add_argument("-s", "--section", help="the section: one application")
    return parser.parse_args(arguments)
