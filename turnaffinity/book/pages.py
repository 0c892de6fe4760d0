"""What do the other pages of the reference say? Texts of ours, filled from the schemas, the verbs and the layout."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import typer
from typer.testing import CliRunner

from turnaffinity.catalogs import LANGUAGE_VARIABLE
from turnaffinity.cli.main import VERBS, app
from turnaffinity.contract.layout import KeyLayout
from turnaffinity.shared_files import PACKAGE, shared
from turnaffinity.showing.wording import Words
from turnaffinity.translating.edition import blocks
from turnaffinity.translating.files import messages_of

MESSAGES = (
    "hello-request", "hello-answer", "finalize-request", "finalize-answer", "select-request", "select-answer",
    "error-answer", "bye-request",
)  # fmt: skip
EXAMPLE = 'turn = "mt:turn:{turn_id}"\nsession = "mt:session:{session_id}"\naffinity_field = "node"\n'


def filled(name: str, lang: str) -> str:
    """One of our page templates in this language, its gaps filled."""
    fills = {"protocol": _protocol, "layout": _layout, "operating": _operating, "command-line": _manual}
    return _with(document(PACKAGE / "book" / "texts" / f"{name}.md", lang), fills[name](lang))


def document(path: Path, lang: str) -> str:
    """A Markdown text, block by block in this language."""
    text = path.read_text(encoding="utf-8")
    return text if lang == "en" else "\n\n".join(_in_catalog("documents").get(b) or b for b in blocks(text)) + "\n"


@cache
def _in_catalog(domain: str) -> Mapping[str, str]:
    return messages_of(domain)


def _described(text: str, lang: str) -> str:
    """What a schema says of a member."""
    return text if lang == "en" else _in_catalog("schemas").get(text) or text


def _with(text: str, gaps: Mapping[str, str]) -> str:
    for name, content in gaps.items():
        text = text.replace(f"{{{name}}}", content)
    return text


def _protocol(lang: str) -> dict[str, str]:
    parts = []
    for name in MESSAGES:
        schema = json.loads((shared("conformance", "schema") / f"{name}.json").read_text(encoding="utf-8"))
        parts += [
            f"## {name}",
            "",
            _described(schema.get("description", ""), lang),
            "",
            *_members(schema, schema, lang),
            "",
        ]
    return {"messages": "\n".join(parts)}


def _members(schema: Mapping[str, Any], whole: Mapping[str, Any], lang: str) -> list[str]:
    words = Words(lang)
    lines = [f"| {words('member')} | {words('type')} | {words('what it is')} |", "|---|---|---|"]
    for path, member, needed in _walked(schema, whole, ""):
        star = "" if needed else f" ({words('may be missing')})"
        said = _described(str(member.get("description", "")), lang).replace("|", "\\|")
        lines.append(f"| `{path}` | {_type(member, whole)}{star} | {said} |")
    return lines


def _walked(
    schema: Mapping[str, Any], whole: Mapping[str, Any], above: str
) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    for name, member in _resolved(schema, whole).get("properties", {}).items():
        yield above + name, member, name in _resolved(schema, whole).get("required", ())
        inner = _resolved(member, whole)
        inside = _resolved(inner.get("items", inner), whole)
        if "properties" in inside:
            yield from _walked(inside, whole, f"{above}{name}{'[]' if 'items' in inner else ''}.")


def _resolved(schema: Mapping[str, Any], whole: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref", "")
    found: Mapping[str, Any] = whole.get("$defs", {}).get(reference.rpartition("/")[2], {}) if reference else schema
    return found


def _type(member: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    if "const" in member:
        return f"`{json.dumps(member['const'])}`"
    if "anyOf" in member:
        return " / ".join(_type(each, whole) for each in member["anyOf"])
    return str(_resolved(member, whole).get("type", ""))


def _layout(lang: str) -> dict[str, str]:
    rows = []
    for name, field in KeyLayout.model_fields.items():
        default = "" if field.default is None else f"`{field.default}`"
        rows.append(f"| `{name}` | {default} | {_described(field.description or '', lang)} |")
    return {"example": EXAMPLE.rstrip(), "members": "\n".join(rows)}


def _operating(lang: str) -> dict[str, str]:
    return {"acl": _console(["acl"], lang), "plan": _console(["plan"], lang)}


def _manual(lang: str) -> dict[str, str]:
    parts = [part for verb in VERBS for part in (f"## {verb}", "", _console([verb, "--help"], lang), "")]
    return {"verbs": "\n".join(parts)}


def _console(words: list[str], lang: str) -> str:
    """What a command prints, as a block."""
    surroundings = {LANGUAGE_VARIABLE: lang, "COLUMNS": "100", "NO_COLOR": "1", "TERMINAL_WIDTH": "100"}
    ran = CliRunner(env=surroundings).invoke(app, words)
    if ran.exit_code:
        raise typer.Exit(ran.exit_code)
    body = "\n".join(line.rstrip() for line in ran.output.strip("\n").splitlines())
    return f"```text\n$ turnaffinity {' '.join(words)}\n{re.sub('```', '` ` `', body)}\n```"
