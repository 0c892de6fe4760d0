"""Do dependencies point one way, and does every module stay readable?"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

import turnaffinity

PACKAGE = Path(turnaffinity.__file__).parent

LAYERS = (
    {"__init__", "problem", "shared_files", "catalogs"},
    {"contract"},
    {"server", "wire"},
    {"specification"},
    {"showing"},
    {"subjects"},
    {"stage"},
    {"faults"},
    {"judging"},
    {"capsules"},
    {"diagnosis"},
    {"explorer", "audit", "mutation", "vectors", "bench", "load"},
    {"reports"},
    {"notebook"},
    {"translating"},
    {"cli"},
    {"book"},
    {"__main__"},
)
"""From the ground up; a module may import from its own folder, from those below it, and one way from one beside."""

MOST_MODULES = 16
"""A folder with more modules answers more than one question."""

MOST_LINES = 400
"""A module longer than this answers more than one question."""

NOT_MODULES = {"lua", "conformance", "notebooks"}
"""Folders that stand inside the package only once it is installed from a wheel."""


ROOT = PACKAGE.parent
OUTSIDE = [
    path
    for folder in ("tests", "conformance", "notebooks")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".ipynb", ".ini"}
    and path != Path(__file__)
    and not {"node_modules", "target"} & set(path.parts)
]
"""What uses the package from beside it."""

TAKEN = r"turnaffinity\.([a-z_]+)(?:\.| import )([a-z_, ]+)"


def modules() -> list[Path]:
    found = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return sorted(path for path in found if path.parts[0] not in NOT_MODULES)


def name_of(path: Path) -> str:
    """The module's name after "turnaffinity.": "stage.judge"; a folder's own for its __init__."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def folder_of(module: str) -> str:
    return module.partition(".")[0]


def layer_of(module: str) -> int:
    return next(number for number, parts in enumerate(LAYERS) if folder_of(module) in parts)


NAMES = {name_of(path) for path in modules()}
SOURCES = {name_of(path): (PACKAGE / path).read_text(encoding="utf-8") for path in modules()}


@cache
def imported(source: str) -> list[tuple[int, str]]:
    """(line, module after "turnaffinity.") of each import of ours, those inside functions and for type checks too."""
    return list(_imported(source))


def _imported(source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        names = [name.removeprefix("turnaffinity.") for name in found if name.startswith("turnaffinity.")]
        known = [name for name in names if name in NAMES]
        # of `from a.b import c` the module c, where it is one, else b
        yield from ((node.lineno, name) for name in known if not any(other.startswith(f"{name}.") for other in known))


def graph(sources: Mapping[str, str]) -> dict[str, set[str]]:
    return {name: {other for _, other in imported(source)} for name, source in sources.items()}


def upward(module: str, source: str) -> list[str]:
    return [
        f"line {line}: {module} imports {other}"
        for line, other in imported(source)
        if layer_of(other) > layer_of(module)
    ]


def each_other(edges: Mapping[str, set[str]]) -> set[tuple[str, str]]:
    return {(a, b) for a in edges for b in edges[a] if a < b and a in edges.get(b, ())}


def between_folders(edges: Mapping[str, set[str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for module, others in edges.items():
        found.setdefault(folder_of(module), set()).update(map(folder_of, others))
    return found


def open_modules(folder: str) -> set[str]:
    """The modules of a folder that its `__init__` names as those for others."""
    return set(getattr(import_module(f"turnaffinity.{folder}"), "__all__", ()))


def insides_taken(sources: Mapping[str, str]) -> list[str]:
    """Imports of a module that its folder does not name for others."""
    return [
        f"{module}, line {line}: {other}"
        for module, source in sources.items()
        for line, other in imported(source)
        if folder_of(other) != folder_of(module) and other.count(".")
        and other.split(".")[1] not in open_modules(folder_of(other))
    ]  # fmt: skip


def test_every_part_of_the_package_has_a_layer():
    known = set().union(*LAYERS)
    assert {path.parts[0].removesuffix(".py") for path in modules()} == known


@pytest.mark.parametrize("module", sorted(NAMES))
def test_a_module_imports_only_from_its_own_layer_or_from_those_below(module):
    assert upward(module, SOURCES[module]) == []


def test_no_two_folders_and_no_two_files_import_each_other():
    assert each_other(graph(SOURCES)) == set()
    assert each_other(between_folders(graph(SOURCES))) == set()


def test_a_folder_lends_only_the_modules_that_it_names():
    assert insides_taken(SOURCES) == []


def test_a_folder_names_no_module_that_nobody_else_imports():
    taken = {other for module, others in graph(SOURCES).items() for other in others
             if folder_of(other) != folder_of(module)}  # fmt: skip
    texts = [path.read_text(encoding="utf-8") for path in OUTSIDE]
    outside = {
        f"{folder}.{name}" for text in texts for folder, names in re.findall(TAKEN, text)
        for name in re.findall(r"[a-z_]+", names)
    }  # fmt: skip
    named = {f"{folder}.{name}" for folder in map(folder_of, NAMES) for name in open_modules(folder)} & NAMES
    assert named - taken - outside == set()


def test_a_planted_import_is_seen_whichever_rule_it_breaks():
    for source in (
        "from turnaffinity.stage.judge import Judge",
        "import turnaffinity.cli.main",
        "from turnaffinity.reports import page",
        "def f():\n    from turnaffinity.audit import judge",
    ):
        assert len(upward("contract.rules", source)) == 1
    assert upward("judging.verdict", "from turnaffinity.contract.rules import RULES") == []
    assert upward("judging.verdict", "from turnaffinity import __version__") == []
    beside = SOURCES | {"explorer.goals": "from turnaffinity.vectors import files"}
    assert each_other(between_folders(graph(beside))) == {("explorer", "vectors")}
    mutual = SOURCES | {"stage.state": "from turnaffinity.stage.stage import Stage"}
    assert each_other(graph(mutual)) == {("stage.stage", "stage.state")}
    assert insides_taken({"cli.main": "from turnaffinity.audit.state import Known"}) == [
        "cli.main, line 1: audit.state"
    ]


def test_no_folder_grows_past_what_one_question_needs():
    sizes = Counter(str(path.parent) for path in modules())
    assert {folder: size for folder, size in sizes.items() if size > MOST_MODULES} == {}


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


def test_no_pattern_repeats_a_group_possessively():
    """Python 3.11.2, which Debian 12 ships, matches such a group wrongly (python/cpython#106052, mended in 3.11.5)."""
    found = {
        f"{module.relative_to(PACKAGE)}: {pattern}"
        for module in PACKAGE.rglob("*.py")
        for pattern in _texts(ast.parse(module.read_text()))
        if re.search(r"(?<!\\)\)(?:[*+?]|\{\d*,?\d*\})\+|\(\?>", pattern)
    }
    assert not found


def _texts(tree: ast.AST) -> Iterator[str]:
    """The text constants of a module, bytes read as text."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            yield node.value if isinstance(node.value, str) else node.value.decode("latin-1")
