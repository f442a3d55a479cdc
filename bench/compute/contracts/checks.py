"""The result of one check of an entry, and how checks are run: a fault ends in a sentence, never in a traceback."""

from __future__ import annotations

from bdb import BdbQuit
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from bench.catalogue import title
from bench.errors import GanbenchError, MissingDataError, summarise_error

Checks = dict[str, Callable[[], None]]


class NotApplicable(Exception):  # noqa: N818 - no error
    """A check does not apply to an entry; the message says why."""


class Check(NamedTuple):
    """What one check of an entry found.

    Attributes:
        name: What was checked.
        state: Its result.
        why: The reason, unless all is well.
    """

    name: str
    state: Literal["ok", "failed", "not applicable"]
    why: str = ""


def run_checks(kind: str, name: str, checks: Checks) -> Iterator[Check]:
    """Run the checks of an entry one by one. If the first fails, the others do not apply.

    Args:
        kind: The kind of the entry.
        name: Its name.
        checks: What is checked → a function that raises an exception if it fails.
    """
    first = next(iter(checks))
    for number, (what, function) in enumerate(checks.items()):
        result = _run(f"{title(kind, name)}: ", what, function)
        yield result
        if number == 0 and result.state != "ok":
            reason = f"the check of {first} {'failed' if result.state == 'failed' else 'does not apply'}"
            yield from (Check(other, "not applicable", reason) for other in list(checks)[1:])
            return


def _run(who: str, what: str, function: Callable[[], None]) -> Check:
    try:
        function()
    except (NotApplicable, MissingDataError) as reason:
        return Check(what, "not applicable", str(reason))
    except GanbenchError as error:
        return Check(what, "failed", str(error).removeprefix(who).removeprefix(f"{who[:-2]} "))
    except BdbQuit:
        raise
    except Exception as error:
        return Check(what, "failed", f"raised {summarise_error(error)}")
    return Check(what, "ok")


def not_applicable(why: str) -> Callable[[], None]:
    """Return a check that does not apply."""

    def check() -> None:
        raise NotApplicable(why)

    return check
