"""What all sides of `bench python` run: an application of some size, which tells when it is ready."""

import decimal
import email.message
import html
import http.cookies
import json
import logging
import os
import time
import urllib.parse

# As a program has its tables, templates and rules.
TABLE = {number: "value %d" % number for number in range(50_000)}


def ready():
    """This worker is ready now."""
    with open(os.environ["BENCH_STAMPS"], "a") as stamps:
        stamps.write("%d\n" % time.monotonic_ns())


def answer(environ, start_response):
    """WSGI, for gunicorn."""
    body = b"hello\n"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
