"""Which sentences are there to translate? Each domain's, with where they stand."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.contract.rules import RULES
from turnaffinity.shared_files import PACKAGE, shared
from turnaffinity.translating.edition import blocks, cells_of, is_prose, prose_of, titles_of
from turnaffinity.translating.files import messages_of
from turnaffinity.translating.starters import BUILT, sentences_of

Messages = dict[str, list[str]]
"""Each English text, in the order of its source, with the places where it stands."""

FOUND_IN = (
    "stage",
    "faults",
    "subjects",
    "judging",
    "capsules",
    "audit",
    "diagnosis",
    "explorer",
    "reports",
    "notebook",
    "server",
    "load",
    "bench",
    "contract",
    "cli",
    "mutation",
)
"""The folders of the package that, beside the suite, put into words what was found."""

SAID_APART = ("contract/layout.py", "contract/decisions.py")
"""Modules whose sentences hold what is wrong and, after a semicolon, how it is mended."""

DESCRIBED = "contract/vector.py"
"""What it says is a schema's, and told with the schemas."""

ALONE = ("problem.py", "shared_files.py", "wire/listening.py", "specification/actor_finalize.py")
"""Modules elsewhere that do so too."""

SHOWN_IN = (
    "showing",
    "reports",
    "diagnosis",
    "judging",
    "stage",
    "cli",
    "explorer",
    "notebook",
    "mutation",
    "capsules",
    "audit",
    "book",
)
"""The folders that put something into the words of a language."""

_NO_SENTENCE = re.compile(
    r"[<>\\$]|(?<!D\d)=(?! )|(?<! )(?<!D\d)=|:\w+[^ ]*;|\[str|^\s*[A-Z]{2,} |\blocal\b|redis\.|\n"
)
"""Code, markup and commands of Redis."""


def template(node: ast.expr) -> str | None:
    """A string of the source as a message: `{0}`, `{1}` stand for what is filled in; None for what is no string."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return None
    told, count = "", 0
    for part in node.values:
        if isinstance(part, ast.Constant):
            told += str(part.value)
        else:
            told, count = f"{told}{{{count}}}", count + 1
    return told


def _strings(path: Path) -> Iterator[str]:
    """The strings of a module that are no docstrings, in the order of the source."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    within = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Constant | ast.JoinedStr)]
    for node in sorted(found, key=lambda node: (node.lineno, node.col_offset)):
        text = template(node)
        if text and id(node) not in within | alone:
            yield text


def is_sentence(text: str) -> bool:
    """Whether a string is said to somebody: several words, and no code."""
    words = re.sub(r"\{\d+\}", "", text)
    if re.search("[\u4e00-\u9fff]", text):
        return False  # Chinese already
    return " " in text.strip() and sum(map(str.isalpha, words)) > 1 and not _NO_SENTENCE.search(words)


def _findings() -> Messages:
    found: Messages = {}
    folders = [shared("conformance", "suite"), *(PACKAGE / name for name in FOUND_IN)]
    single = (PACKAGE / "showing" / "sentences.py", *(PACKAGE / name for name in ALONE))
    shown = set(messages_of("shown"))
    for path in (*single, *(path for folder in folders for path in sorted(folder.rglob("*.py")))):
        if f"{path.parent.name}/{path.name}" == DESCRIBED:
            continue
        apart = f"{path.parent.name}/{path.name}" in SAID_APART  # what is wrong and its mend are said apart
        texts = (part for text in _strings(path) for part in (text.split("; ") if apart else [text]))
        for text in filter(is_sentence, texts):
            place = f"{path.parent.name}/{path.name}"
            if text not in shown and place not in found.setdefault(text, []):
                found[text].append(place)
    return found


def _cases() -> Messages:
    """What each case claims: the name of its function, which is its title."""
    found: Messages = {}
    for path in sorted(shared("conformance", "suite").rglob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found.setdefault(node.name.removeprefix("test_").replace("_", " "), []).append(path.name)
    return found


def _rules() -> Messages:
    return {rule.why: [rule.id] for rule in RULES.values() if rule.why}


def _said_in(path: Path) -> Iterator[str]:
    """What a notebook's cells print through `say`, `{0}` and the like in place of what fills it; also by a name."""
    for cell in cells_of(path):
        if cell.cell_type == "code" and "say(" in cell.source:
            tree = ast.parse(cell.source)
            said = {id(part) for node in ast.walk(tree) if _says(node) for part in node.args}  # type: ignore[attr-defined]
            within = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
            for node in ast.walk(tree):
                text = template(node) if isinstance(node, ast.expr) and id(node) not in within else None
                if text and (id(node) in said or is_sentence(text)) and any(map(str.isalpha, text)):
                    yield text


def _says(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "say"


def _notebooks() -> Messages:
    found: Messages = {}
    for path in sorted(shared("notebooks").glob("*.ipynb")):
        for block, cell in prose_of(path):
            found.setdefault(block, []).append(f"{path.stem} cell {cell}")
        for title in titles_of(path):
            found.setdefault(title, []).append(f"{path.stem}, a picture's title")
        for text in _said_in(path):
            found.setdefault(text, []).append(f"{path.stem}, printed")
    return found


def _command_line() -> Messages:
    """Help, options, and every problem with its mend: what the command line says by itself."""
    found: Messages = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for text in _said_to_users(tree, verbs="cli" in path.parts):
            if any(map(str.isalpha, re.sub(r"\{\d+\}", "", text))):
                place = f"{path.parent.name}/{path.name}"
                if place not in found.setdefault(text, []):
                    found[text].append(place)
    for path in sorted(shared("conformance", "starters").glob("*/**/*")):
        if path.is_file() and not BUILT & set(path.parts) and path.suffix != ".lock":
            for text in sentences_of(path.name, path.read_text(encoding="utf-8")):
                found.setdefault(text, []).append(f"{path.parent.name}/{path.name}")
    return found


def _said_to_users(tree: ast.Module, *, verbs: bool) -> Iterator[str]:
    for node in ast.walk(tree):
        if verbs and isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "VERBS":
            yield from (text for each in getattr(node.value, "values", ()) if (text := template(each)))
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in ("Problem", "CannotRun"):
                for text in map(template, node.args):
                    if text and " " in text:
                        yield text
            if verbs:
                yield from (text for each in node.keywords if each.arg == "help" and (text := template(each.value)))
                if name in ("echo", "say") and node.args and (text := template(node.args[0])) and " " in text:
                    yield from filter(None, map(str.strip, text.split("\n")))
        elif verbs and isinstance(node, ast.FunctionDef) and "typer" in ast.dump(node.args) and ast.get_docstring(node):
            yield inspect.cleandoc(ast.get_docstring(node) or "")


def _shown() -> Messages:
    """What reports say through `words(...)`, and the phrases that reach it by way of a name or a page's template."""
    known = messages_of("shown")
    found: Messages = {}
    for path in (path for folder in SHOWN_IN for path in sorted((PACKAGE / folder).rglob("*"))):
        if path.suffix == ".py":
            said = [text for text in _strings(path) if text in known] + _asked_for(path)
            put_together = [_pattern(text) for text in _strings(path) if "{0}" in text and is_sentence(text)]
            said += [text for text in known if any(each.fullmatch(text) for each in put_together)]
        elif path.suffix in (".html", ".jinja", ".j2"):
            page = path.read_text(encoding="utf-8")
            said = [text for text in known if f'"{text}"' in page or f"'{text}'" in page]
            said += re.findall(r"\bt\(\"([^\"]+)\"", page)
        else:
            continue
        for text in dict.fromkeys(said):
            found.setdefault(text, []).append(f"{path.parent.name}/{path.name}")
    return found


def _asked_for(path: Path) -> list[str]:
    """What a module asks `words` for by its text."""
    return [
        node.args[0].value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and _is_words(node.func)
        if node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
    ]


def _is_words(called: ast.expr) -> bool:
    """`words`, `self.words`, or `Words()` itself."""
    if isinstance(called, ast.Call):
        return getattr(called.func, "id", "") == "Words"
    return getattr(called, "id", getattr(called, "attr", "")) == "words"


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(
        "".join("[a-z ]+" if at % 2 else re.escape(part) for at, part in enumerate(re.split(r"\{(\d+)\}", text)))
    )


def documents() -> list[Path]:
    """The texts that the book has in both languages, block by block."""
    project = shared("conformance").parent
    own = sorted((PACKAGE / "book" / "texts").glob("*.md"))
    others = ("conformance/vectors/README.md", "lua/README.md", "CHANGELOG.md")
    return [*own, *(path for name in others if (path := project / name).is_file())]


def _documents() -> Messages:
    found: Messages = {}
    for path in documents():
        for block in filter(is_prose, blocks(path.read_text(encoding="utf-8"))):
            if not re.fullmatch(r"\{\w+\}|<!--.*", block, re.DOTALL):
                found.setdefault(block, []).append(path.name)
    return found


def _schemas() -> Messages:
    """What the schemas and the layout say of each member."""
    found: Messages = {}

    def take(part: object, place: str) -> None:
        if isinstance(part, dict):
            if isinstance(said := part.get("description"), str):
                found.setdefault(said, []).append(place)
            part = list(part.values())
        if isinstance(part, list):
            for each in part:
                take(each, place)

    for path in sorted(shared("conformance", "schema").glob("*.json")):
        take(json.loads(path.read_text(encoding="utf-8")), path.name)
    take([{"description": field.description} for field in KeyLayout.model_fields.values()], "layout.py")
    return {text: sorted(set(places)) for text, places in found.items()}


SOURCES: dict[str, Callable[[], Messages]] = {
    "shown": _shown,
    "notebooks": _notebooks,
    "findings": _findings,
    "cases": _cases,
    "rules": _rules,
    "commands": _command_line,
    "documents": _documents,
    "schemas": _schemas,
}
"""The domains by name."""
