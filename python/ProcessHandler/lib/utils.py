"""The former name of `processhandler.launch`."""

from processhandler.launch import parse_args

__all__ = ["parse_args"]
