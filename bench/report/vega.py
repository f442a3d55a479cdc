"""Vega, Vega-Lite and Vega-Embed, which draw the curves of the page, bundled into one script."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

EXPORTS = "window.vega = vega; window.vegaEmbed = vegaEmbed;"  # the bundle includes Vega-Lite
WRITE_BUNDLE = "import sys, vl_convert; sys.stdout.buffer.write(vl_convert.javascript_bundle(sys.argv[1]).encode())"


@cache
def bundle() -> Future[str]:
    """Start to bundle the libraries in another process, and return the future script.

    Bundling takes more than a second and holds Python's lock. Call this early.
    """
    executor = ThreadPoolExecutor(1, thread_name_prefix="vega")
    future = executor.submit(_bundle)
    executor.shutdown(wait=False)
    return future


def _bundle() -> str:
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        # This thread and the process that it starts take no SIGINT: Ctrl-C would end it with a traceback.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    written = subprocess.run([sys.executable, "-c", WRITE_BUNDLE, EXPORTS], stdout=subprocess.PIPE, check=True)
    return written.stdout.decode().replace("</script", "<\\/script")
