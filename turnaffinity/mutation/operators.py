"""Which small mistakes can be made anywhere? Operators on the text of a script and on the flow, one change each."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

LUA_FILES = ("select_node.lua", "write_affinity.lua", "clear_affinity.lua")
FLOW_FILES = ("actor_finalize.py", "job_creator.py", "pool_service.py")

NOT_THE_CONTRACT = {"load_scripts", "no_stop", "new_uuid"}
"""Functions of the flow that no rule is about, and the class below."""

NOT_JUDGED_CLASSES = {"DrawnPoolService", "SelectsNodes", "NoNode"}
"""The selection in plain commands has tests of its own; a Protocol has no code, and an exception only its words."""

LUA_SWAPS: tuple[tuple[str, str], ...] = (
    (r" == ", " ~= "), (r" ~= ", " == "), (r" and ", " or "), (r" or ", " and "), (r"\bnot ", ""),
    (r" < ", " <= "), (r" <= ", " < "), (r" > ", " >= "), (r" >= ", " > "), (r" \+ ", " - "), (r" - ", " + "),
    (r"'HDEL'", "'HGET'"), (r"'HSET'", "'HSETNX'"), (r"'HGET'", "'HEXISTS'"), (r"'SISMEMBER'", "'SMISMEMBER'"),
    (r"'SREM'", "'SISMEMBER'"), (r"'DEL'", "'EXISTS'"), (r"'GET'", "'EXISTS'"), (r"'EXISTS'", "'TYPE'"),
    (r"'SET'", "'GETSET'"), (r"ARGV\[1\]", "ARGV[2]"), (r"ARGV\[2\]", "ARGV[1]"), (r"ARGV\[3\]", "ARGV[1]"),
    (r"\bAFFINITY_FIELD\b(?! =)", "CURRENT_TURN_FIELD"), (r"\bCURRENT_TURN_FIELD\b(?! =)", "AFFINITY_FIELD"),
    (r"\bsession_key\(", "turn_key("), (r"(?<!function )\bturn_key\(", "session_key("),
    (r"\btrue\b", "false"), (r"\bfalse\b", "true"),
    (r"(?<![\w.'])(\d+)(?![\w.'])", "+1"),
)  # fmt: skip
"""What is put in the place of what, at each place where it stands in code."""


LUA_COMMAND = re.compile(r"\s*(?:if .* then )?(?:redis\.)?call\(.*\)(?: end)?\s*$")
"""A line that does nothing but send a command: it can be dropped, or change places with its neighbour."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change: `text` is the whole file with it."""

    file: str
    line: int
    what: str
    text: str

    @property
    def id(self) -> str:
        """A name that stays the same as long as the changed line does: "select_node.lua: a == b -> a ~= b"."""
        return f"{self.file}: {self.what}"


def changes(file: str, text: str) -> list[Change]:
    """Every change that the operators make of a file; two that look alike are told apart by a number."""
    made = list(_in_lua(file, text) if file.endswith(".lua") else _in_python(file, text))
    seen: dict[str, int] = {}
    named = []
    for change in made:
        seen[change.what] = seen.get(change.what, 0) + 1
        suffix = f" (place {seen[change.what]})" if seen[change.what] > 1 else ""
        named.append(Change(change.file, change.line, change.what + suffix, change.text))
    return named


def _in_lua(file: str, text: str) -> Iterator[Change]:
    lines = text.split("\n")
    for number, line in enumerate(lines):
        code = line.split("--")[0]
        if _spared(code):
            continue
        for pattern, put in LUA_SWAPS:
            for found in re.finditer(pattern, code):
                new = str(int(found[1]) + 1) if put == "+1" else put
                yield _lua_change(file, lines, number, code[: found.start()] + new + code[found.end() :])
        if LUA_COMMAND.match(code):
            yield _lua_change(file, lines, number, "")
            after = lines[number + 1].split("--")[0]
            if LUA_COMMAND.match(after):
                swapped = [*lines[:number], after, code, *lines[number + 2 :]]
                yield Change(file, number + 1, f"{code.strip()} -> (after the next line)", "\n".join(swapped))
        if re.match(r"\s*return \w", code) and "return false" not in code and code.count("return") == 1:
            ending = " end" if code.rstrip().endswith(" end") else ""
            yield _lua_change(file, lines, number, code[: code.index("return")] + "return false" + ending)


def _spared(code: str) -> bool:
    """A loop's head, since one that never ends is ended by its deadline and shows nothing; a name; an error's words."""
    return not code.strip() or bool(re.match(r"\s*(?:while|until|for|repeat)\b|local function|.*error_reply", code))


def _lua_change(file: str, lines: list[str], number: int, new: str) -> Change:
    changed = [*lines[:number], new, *lines[number + 1 :]]
    return Change(
        file, number + 1, f"{lines[number].split('--')[0].strip()} -> {new.strip() or '(dropped)'}", "\n".join(changed)
    )


def _in_python(file: str, text: str) -> Iterator[Change]:
    tree = ast.parse(text)
    for path, node in _code_of(tree):
        for what, change in _operators(node):
            copied = copy.deepcopy(tree)
            change(_at(copied, path))
            after = ast.unparse(ast.fix_missing_locations(copied))
            yield Change(file, getattr(node, "lineno", 0), f"{_told(node)} -> {what}", after)
        if _changes_places(tree, path):
            copied = copy.deepcopy(tree)
            parent, name, number = _at(copied, path)
            body = getattr(parent, name)
            assert number is not None
            body[number], body[number + 1] = body[number + 1], body[number]
            after = ast.unparse(ast.fix_missing_locations(copied))
            yield Change(file, getattr(node, "lineno", 0), f"{_told(node)} -> (after the next statement)", after)


Path = tuple[tuple[str, int | None], ...]


def _code_of(tree: ast.AST) -> Iterator[tuple[Path, ast.AST]]:
    """The nodes inside functions, with the way to each; docstrings, annotations and defaults left out."""

    def walk(node: ast.AST, path: Path, inside: bool) -> Iterator[tuple[Path, ast.AST]]:
        if inside:
            yield path, node
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "args", "keywords") and not isinstance(
                node, ast.Call
            ):
                continue
            items = value if isinstance(value, list) else [value]
            for number, item in enumerate(items):
                if not isinstance(item, ast.AST) or _left_out(item):
                    continue
                where = (name, number if isinstance(value, list) else None)
                deeper = inside or (isinstance(node, ast.FunctionDef) and name == "body")
                yield from walk(item, (*path, where), deeper)

    yield from walk(tree, (), False)


def _left_out(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef) and node.name in NOT_THE_CONTRACT:
        return True
    if isinstance(node, ast.ClassDef) and node.name in NOT_JUDGED_CLASSES:
        return True
    if isinstance(node, ast.Raise):  # how a refusal is put into words is no rule's business
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):  # where the flow may be stopped, neither
        called = node.value.func
        return isinstance(called, ast.Attribute) and called.attr == "at"
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _at(tree: ast.AST, path: Path) -> tuple[ast.AST, str, int | None]:
    """Where a node hangs: its parent, the member, and the place in it."""
    for name, number in path[:-1]:
        value = getattr(tree, name)
        tree = value if number is None else value[number]
    name, number = path[-1]
    return tree, name, number


def _changes_places(tree: ast.AST, path: Path) -> bool:
    """Whether this statement and the next are both simple ones, so that they can be swapped."""
    parent, name, number = _at(tree, path)
    if name not in {"body", "orelse", "finalbody"} or number is None:
        return False
    pair = getattr(parent, name)[number : number + 2]
    return len(pair) == 2 and all(isinstance(each, (ast.Expr, ast.Assign)) for each in pair)


Hook = tuple[ast.AST, str, int | None]


def _operators(node: ast.AST) -> Iterator[tuple[str, Callable[[Hook], None]]]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "(dropped)", lambda hook: _put(hook, ast.Pass())
    if isinstance(node, (ast.If, ast.IfExp)):
        yield "negated", lambda hook: _negate(_get(hook))
    if isinstance(node, ast.BoolOp):
        yield "and/or swapped", lambda hook: _swap(_get(hook))
    if isinstance(node, ast.Compare) and type(node.ops[0]) in OPPOSITES:
        yield "compared otherwise", lambda hook: _compare(_get(hook))
    if isinstance(node, ast.Constant) and isinstance(node.value, (str, bool, int)) and node.value != "":
        yield "another constant", lambda hook: _constant(_get(hook))
    if isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield "returns None", lambda hook: _put(hook, ast.Return(ast.Constant(None)))


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _get(hook: Hook) -> ast.AST:
    parent, name, number = hook
    value = getattr(parent, name)
    found: ast.AST = value if number is None else value[number]
    return found


def _put(hook: Hook, new: ast.AST) -> None:
    parent, name, number = hook
    if number is None:
        setattr(parent, name, new)
    else:
        getattr(parent, name)[number] = new


def _negate(node: ast.AST) -> None:
    assert isinstance(node, (ast.If, ast.IfExp))
    node.test = ast.UnaryOp(ast.Not(), node.test)


def _swap(node: ast.AST) -> None:
    assert isinstance(node, ast.BoolOp)
    node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()


OPPOSITES: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip


def _compare(node: ast.AST) -> None:
    assert isinstance(node, ast.Compare)
    node.ops[0] = OPPOSITES[type(node.ops[0])]()


def _constant(node: ast.AST) -> None:
    assert isinstance(node, ast.Constant)
    if isinstance(node.value, bool):
        node.value = not node.value
    elif isinstance(node.value, int):
        node.value += 1
    else:
        node.value = f"{node.value!s}-"


def _told(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 80 else f"{text[:77]}..."
