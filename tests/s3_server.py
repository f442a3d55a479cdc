"""A local S3 server for tests: python s3_server.py prints its port, and serves until its standard input closes.

The server checks a condition and stores the object in two steps, so requests that write are served one after another,
as S3 does for one key. The connection of a request that writes a record below a folder named ``cut`` is cut in the
middle of its content. Reading a record below a folder named ``far`` takes as long as from another place. The address
``/counts`` answers how many records have been read, and how many at the same time at most.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

WRITING, COUNTING = threading.Lock(), threading.Lock()
FAR = 0.02  # seconds


class Serialised:
    """The server's application, with one writing request at a time."""

    def __init__(self, application: Any):
        self._application = application
        self._counts = {"read": 0, "reading": 0, "at once": 0}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/counts":
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps(self._counts).encode()]
        if environ["REQUEST_METHOD"] == "GET" and path.endswith(".parquet"):
            return self._read(environ, start_response)
        if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            return self._application(environ, start_response)
        if "/cut/" in path and path.endswith(".parquet"):
            environ["wsgi.input"].read(100)
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            return []
        with WRITING:
            return list(self._application(environ, start_response))

    def _read(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with COUNTING:
            self._counts["read"] += 1
            self._counts["reading"] += 1
            self._counts["at once"] = max(self._counts["at once"], self._counts["reading"])
        try:
            if "/far/" in environ["PATH_INFO"]:
                time.sleep(FAR)
            return list(self._application(environ, start_response))
        finally:
            with COUNTING:
                self._counts["reading"] -= 1


@contextmanager
def running() -> Iterator[None]:
    """Start a server in a process of its own, with the bucket ``bucket``; environment variables lead clients to it.

    Clients are kept by their arguments, which do not name the server, so they are forgotten before and after.
    """
    import s3fs

    with subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        variables = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{int(process.stdout.readline())}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        with patch.dict(os.environ, variables):
            forget_clients()
            s3fs.S3FileSystem().mkdir("bucket")
            yield
        forget_clients()
        process.communicate()


def forget_clients() -> None:
    import s3fs

    from bench.records.remote import remote

    s3fs.S3FileSystem.clear_instance_cache()
    remote.cache_clear()


def counts() -> dict[str, int]:
    """Return what the server that the environment variables name has counted."""
    with urllib.request.urlopen(f"{os.environ['AWS_ENDPOINT_URL']}/counts") as answer:
        found: dict[str, int] = json.load(answer)
    return found


if __name__ == "__main__":
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, Serialised(DomainDispatcherApplication(create_backend_app)), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
