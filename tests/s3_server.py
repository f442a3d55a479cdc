"""A local S3 server for tests: python s3_server.py prints its port, and serves until its standard input closes.

The server checks a condition and stores the object in two steps, so requests that write are served one after another,
as S3 does for one key. The connection of a request that writes a record below a folder named ``cut`` is cut in the
middle of its content.
"""

from __future__ import annotations

import logging
import socket
import sys
import threading
from collections.abc import Iterable
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

WRITING = threading.Lock()


class Serialised:
    """The server's application, with one writing request at a time."""

    def __init__(self, application: Any):
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            return self._application(environ, start_response)
        path = environ["PATH_INFO"]
        if "/cut/" in path and path.endswith(".parquet"):
            environ["wsgi.input"].read(100)
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            return []
        with WRITING:
            return list(self._application(environ, start_response))


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, Serialised(DomainDispatcherApplication(create_backend_app)), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
