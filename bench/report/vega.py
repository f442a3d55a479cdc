"""Vega, Vega-Lite and Vega-Embed, which draw the curves of the page, bundled into one script."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

EXPORTS = "window.vega = vega; window.vegaEmbed = vegaEmbed;"  # the bundle includes Vega-Lite


@cache
def bundle() -> Future[str]:
    """Start to bundle the libraries in another thread, and return the future script.

    Bundling takes more than a second, in which ``vl_convert`` does not hold Python's lock. Call this early.
    """
    executor = ThreadPoolExecutor(1, thread_name_prefix="vega")
    future = executor.submit(_bundle)
    executor.shutdown(wait=False)
    return future


def _bundle() -> str:
    import vl_convert

    return vl_convert.javascript_bundle(EXPORTS).replace("</script", "<\\/script")
