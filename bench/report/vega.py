"""Vega, Vega-Lite and Vega-Embed, which draw the curves of the page, bundled into one script."""

from __future__ import annotations

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
    command = [sys.executable, "-c", WRITE_BUNDLE, EXPORTS]
    # in a session of its own, so that Ctrl-C does not end it with a traceback on the terminal
    written = subprocess.run(command, stdout=subprocess.PIPE, check=True, start_new_session=True)
    return written.stdout.decode().replace("</script", "<\\/script")
