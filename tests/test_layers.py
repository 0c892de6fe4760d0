"""Do dependencies point one way, and does every module stay readable?"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import turnaffinity

PACKAGE = Path(turnaffinity.__file__).parent

LAYERS = (
    {"__init__", "problem", "contract"},
    {"wire", "server"},
    {"specification"},
    {"judging", "audit", "explorer", "bench", "mutation", "vectors", "scale", "load"},
    {"reports", "notebook", "pictures", "story", "cli", "__main__"},
)
"""From the ground up; a module may import from its own layer and from those before it."""

MOST_LINES = 400
"""A module longer than this answers more than one question."""

NOT_MODULES = {"lua", "conformance", "notebooks"}
"""Folders that stand inside the package only once it is installed from a wheel."""


def modules() -> list[Path]:
    found = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return sorted(path for path in found if path.parts[0] not in NOT_MODULES)


def layer_of(part: str) -> int:
    return next(number for number, parts in enumerate(LAYERS) if part in parts)


def imported_parts(source: str) -> Iterator[tuple[int, str]]:
    """(line, part of turnaffinity) of each import in a module, those inside functions and for type checks too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "turnaffinity":
            names = [f"turnaffinity.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            continue
        for name in names:
            package, _, rest = name.partition(".")
            part = rest.partition(".")[0]
            if package == "turnaffinity" and (PACKAGE / part).is_dir() | (PACKAGE / f"{part}.py").is_file():
                yield node.lineno, part or "__init__"


def upward_imports(part: str, source: str) -> list[str]:
    return [
        f"line {line}: {part} imports {other}"
        for line, other in imported_parts(source)
        if layer_of(other) > layer_of(part)
    ]


def test_every_part_of_the_package_has_a_layer():
    known = set().union(*LAYERS)
    assert {path.parts[0].removesuffix(".py") for path in modules()} <= known


@pytest.mark.parametrize("path", modules(), ids=str)
def test_a_module_imports_only_from_its_own_layer_or_from_those_below(path):
    part = path.parts[0].removesuffix(".py")
    assert upward_imports(part, (PACKAGE / path).read_text(encoding="utf-8")) == []


def test_an_import_that_points_upward_is_seen_wherever_it_stands():
    for source in (
        "from turnaffinity.judging.subject import Subject",
        "import turnaffinity.cli.main",
        "from turnaffinity import reports",
        "def f():\n    from turnaffinity.audit import judge",
    ):
        assert len(upward_imports("contract", source)) == 1
    assert upward_imports("judging", "from turnaffinity.contract.rules import RULES") == []
    assert upward_imports("judging", "from turnaffinity import __version__") == []


def test_imports_inside_the_package_are_written_in_full():
    relative = [
        f"{path}:{node.lineno}"
        for path in modules()
        for node in ast.walk(ast.parse((PACKAGE / path).read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_no_module_is_longer_than_a_reader_takes():
    lengths = {str(path): len((PACKAGE / path).read_text(encoding="utf-8").splitlines()) for path in modules()}
    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


def test_every_module_opens_with_the_question_that_it_answers():
    openings = {
        str(path): ast.get_docstring(ast.parse((PACKAGE / path).read_text(encoding="utf-8"))) for path in modules()
    }
    assert [path for path, opening in openings.items() if not opening] == []


def test_no_folder_or_module_has_a_name_that_says_nothing():
    silent = {"utils", "util", "helpers", "common", "core", "misc"}
    assert [str(path) for path in modules() if silent & {part.removesuffix(".py") for part in path.parts}] == []
