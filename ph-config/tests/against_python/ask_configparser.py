"""Answers as configparser does, for the test `against_python`.

Reads one JSON string per line, the text of a file, and writes one JSON object per line:
{"error": NAME} for a file that is refused, else {"sections": {SECTION: {KEY: [VALUE] or NAME}}},
where NAME is that of the exception. DEFAULT is among the sections.

With the argument "raw", a section has only the keys that stand in it, and VALUE is uninterpolated.
"""

import configparser
import io
import json
import sys


def resolve(parser, section, key):
    try:
        return [parser.get(section, key)]
    except configparser.InterpolationError as error:
        return type(error).__name__


def answer(text):
    parser = configparser.ConfigParser()
    raw = io.BytesIO(text.encode("utf-8"))
    try:
        parser.read_file(io.TextIOWrapper(raw, encoding="utf-8"))
    except configparser.Error as error:
        return {"error": type(error).__name__}
    if sys.argv[1:] == ["raw"]:
        own = {section: dict(parser._sections[section]) for section in parser.sections()}
        return {"sections": {**own, "DEFAULT": dict(parser.defaults())}}
    keys = {section: parser.options(section) for section in parser.sections()}
    keys["DEFAULT"] = list(parser.defaults())
    return {
        "sections": {
            section: {key: resolve(parser, section, key) for key in keys[section]}
            for section in keys
        }
    }


for line in sys.stdin.buffer:
    print(json.dumps(answer(json.loads(line))))
