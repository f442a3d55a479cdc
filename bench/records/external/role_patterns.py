"""Patterns with roles in braces, such as ``{loss}-s{seed}.csv``, for names of files and of columns."""

from __future__ import annotations

import re
from typing import NamedTuple

from bench.errors import TableError
from bench.plan.identity import MAIN_AXES

TOKEN = re.compile(r"\{([^{}/]*)\}|\*\*/|\*|\?|\[[^\]/]+\]|.", flags=re.DOTALL)
WHOLE_NUMBERS = ("seed", "step", "steps", "batch_size", "critic_steps")  # roles whose text has digits only


class RolePattern(NamedTuple):
    """A pattern of names.

    Attributes:
        text: The pattern as it was given.
        roles: The roles in it.
        shortest: The expression in which each role takes as few characters as possible.
        longest: The expression in which each role takes as many as possible.
    """

    text: str
    roles: tuple[str, ...]
    shortest: re.Pattern[str]
    longest: re.Pattern[str]

    def match(self, name: str) -> dict[str, str] | None:
        """Return the text of each role in a name; None if the name does not match.

        Raises:
            TableError: The name can be read in two ways.
        """
        found, other = self.shortest.fullmatch(name), self.longest.fullmatch(name)
        if found is None or other is None:
            return None
        for role, first, second in zip(self.roles, found.groups(), other.groups(), strict=True):
            if first != second:
                raise TableError(
                    f"{self.text}: {name!r} can be read in two ways: {role} is {first!r} or {second!r}; "
                    "use text that separates the roles clearly"
                )
        return dict(zip(self.roles, found.groups(), strict=True))


def has_roles(text: str) -> bool:
    """Return whether there is a role in braces in a text."""
    return re.search(r"\{[^{}/]*\}", text) is not None


def role_pattern(text: str, *, is_path: bool) -> RolePattern:
    """Return the pattern that a text stands for.

    Args:
        text: Text with roles in braces. ``{seed}`` stands for digits, any other role for some text.
        is_path: Whether ``*``, ``?``, ``[…]`` and ``**/`` have their meaning in paths, and no role goes beyond a ``/``.

    Raises:
        TableError: A role has no name, or the pattern is not valid.
    """
    if re.search(r"\{[^{}/]*\}\{[^{}/]*\}", text):
        raise TableError(f"{text}: two roles follow each other; use text that separates them")
    roles: list[str] = []
    parts: dict[str, str] = {"shortest": "", "longest": ""}
    for token in TOKEN.finditer(text):
        role, piece = token.group(1), token.group()
        if role is not None and role.lower() in (*MAIN_AXES, *WHOLE_NUMBERS, "measure"):
            role = role.lower()
        for way, more in (("shortest", "+?"), ("longest", "+")):
            parts[way] += _expression(role, piece, roles, more, is_path)
        if role is not None and role not in roles:
            if not role.strip():
                raise TableError(f"{text}: expected a role between the braces, such as {{seed}}")
            roles.append(role)
    try:
        shortest, longest = (re.compile(parts[way], flags=re.DOTALL) for way in ("shortest", "longest"))
    except re.error as error:
        raise TableError(f"{text}: not a valid pattern: {error.msg}") from None
    return RolePattern(text, tuple(roles), shortest, longest)


def _expression(role: str | None, piece: str, roles: list[str], more: str, is_path: bool) -> str:
    if role is not None:
        if role in roles:  # the same text again
            return rf"(?:\{roles.index(role) + 1})"
        return rf"(\d{more})" if role in WHOLE_NUMBERS else f"([^/]{more})" if is_path else f"(.{more})"
    if is_path:
        if piece == "**/":
            return "(?:.*/)?"
        if piece in ("*", "?"):
            return "[^/]" + piece.replace("?", "")
        if len(piece) > 1:
            characters = re.escape(piece[1:-1]).replace(r"\-", "-")
            return f"[^{characters[1:]}]" if characters.startswith("!") else f"[{characters}]"
    return re.escape(piece)
