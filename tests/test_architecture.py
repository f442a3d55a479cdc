"""The page on the architecture shows the tree as it is, and no module or function grows beyond what one can read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "bench"
PAGE = (ROOT / "docs" / "architecture.md").read_text()
PACKAGES = ["catalogue", "plan", "records", "compute", "evidence", "report", "command"]
LONGEST_MODULE, LONGEST_FUNCTION = 250, 60  # lines


def first_sentence(path: Path) -> str:
    text = " ".join((ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0].split())
    return re.split(r"(?<=[a-z\d)`])\. (?=[A-Z])|\.$", text)[0].replace("``", "")


def tree(folder: Path = PACKAGE, depth: int = 0) -> Iterator[str]:
    """One line per module with the first sentence of its docstring; packages after modules, in the order of the data."""
    modules = sorted(path for path in folder.glob("*.py") if path.name != "__init__.py")
    packages = [path for path in folder.iterdir() if (path / "__init__.py").is_file()]
    packages.sort(key=lambda path: PACKAGES.index(path.name) if depth == 0 else path.name)
    yield f"{'  ' * depth}{folder.name}/".ljust(32) + first_sentence(folder / "__init__.py")
    for path in modules:
        yield f"{'  ' * (depth + 1)}{path.name}".ljust(32) + first_sentence(path)
    for package in packages:
        yield from tree(package, depth + 1)


def test_the_tree_of_the_page_is_the_folder() -> None:
    shown = PAGE.rpartition("```text\n")[2].partition("```")[0]
    assert shown.splitlines() == list(tree()), "docs/architecture.md is out of date; the tree is:\n" + "\n".join(tree())


def test_the_places_named_on_the_page_exist() -> None:
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \|", PAGE, flags=re.M)[2:]
    assert len(rows) > 10
    for row in rows:
        names = re.findall(r"`([^`]+)`", row)
        folder = PACKAGE / names[0].rpartition("/")[0] if "/" in names[0] else PACKAGE
        for name in names:
            assert (PACKAGE / name).exists() or (folder / name).exists() or (folder.parent / name).exists(), name


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_and_functions_are_short_or_say_why_not(path: Path) -> None:
    """The line above a longer function gives the reason: ``# Long: ...``."""
    text = path.read_text()
    lines = text.splitlines()
    assert len(lines) <= LONGEST_MODULE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            length = node.end_lineno - node.lineno + 1
            has_reason = lines[first - 2].lstrip().startswith("# Long: ")
            assert length <= LONGEST_FUNCTION or has_reason, f"{node.name} has {length} lines"
