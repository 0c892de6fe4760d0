"""In which language is a sentence said? English is the key; the catalogs are gettext's, in `locale/`."""

from __future__ import annotations

import gettext
import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "locale"
DOMAINS = ("shown", "findings", "cases", "rules", "commands", "notebooks")
"""Where a sentence is looked for, in this order."""

_FILLED = re.compile(r"\{(\w+)\}")
_ENGLISH = re.compile(r"[a-z]{2,}\s+[a-z]{2,}")
_SHORT, _LONG = 4, 12
"""A message that fixes fewer letters than the first fits nearly anything: what fills it is one word then. One that
fixes more than the second is known by them: what fills it may be a stranger's own words, in their language.
"""
_ONE_SPACE = re.compile(r"\s")
_QUOTES = re.compile(r": \{(\d+)\}$")
"""What such a message ends with may be a stranger's own words."""
_DATA = re.compile(r"[\w.-]+=")
"""A field with its value: somebody's own words."""
_DEEPEST = 4
"""A sentence holds phrases that hold phrases; deeper they are taken as they are."""


LANGUAGES = ("en", "zh")
LANGUAGE_VARIABLE = "TURNAFFINITY_LANG"
FIRST_NOTEBOOK = "00-start-here.ipynb"
"""The notebooks' Chinese edition lies in a folder `zh`."""


def preferred_language() -> str:
    """The language of `TURNAFFINITY_LANG`; without it that of the notebooks that we stand in, or English."""
    lang = os.environ.get(LANGUAGE_VARIABLE)
    if lang is None:
        here = Path.cwd()
        return "zh" if here.name == "zh" and (here / FIRST_NOTEBOOK).is_file() else "en"
    return "zh" if lang.lower().startswith("zh") else "en"


@cache
def _messages(lang: str) -> dict[str, str]:
    """All messages of a language; what several domains hold is the first one's."""
    found: dict[str, str] = {}
    for domain in reversed(DOMAINS):
        catalog = gettext.translation(domain, FOLDER, [lang], fallback=True)
        found |= getattr(catalog, "_catalog", {})
    found.pop("", None)  # the header
    return found


def said(text: str, lang: str) -> str:
    """A sentence in a language; as it is in English, and where no catalog has it."""
    return text if lang == "en" else _messages(lang).get(text, text) or text


@cache
def _templates(lang: str) -> list[tuple[re.Pattern[str], str]]:
    """The messages with `{0}` and the like, as patterns; those that fix more of the text come first."""
    filled = [text for text in _messages(lang) if re.search(r"\{\d+\}", text)]
    filled.sort(key=lambda text: len(_FILLED.sub("", text)), reverse=True)
    return [(_pattern(text), text) for text in filled if _FILLED.sub("", text).strip()]


def _pattern(text: str) -> re.Pattern[str]:
    parts = _FILLED.split(text)
    told = [f"(?P<n{part}>.*?)" if at % 2 else re.escape(part) for at, part in enumerate(parts)]
    return re.compile("".join(told), re.DOTALL)


def told(text: str, lang: str, depth: int = 0) -> str:
    """A sentence whose names, numbers and phrases are filled in already, in a language.

    Looked for as it stands, then as a message with `{0}` and the like; what fills them is told in the same way.
    """
    if lang == "en" or depth > _DEEPEST or not any(map(str.isalpha, text)):
        return text
    messages = _messages(lang)
    if text in messages:
        return messages[text]
    if depth and (not _ONE_SPACE.search(text) or _DATA.match(text)):  # an option, an id or a figure, and no sentence
        return text
    if listed := _list_of_messages(text, messages):
        return listed
    for pattern, message in _templates(lang):
        match = pattern.fullmatch(text)
        if match:
            values = {f"{{{name[1:]}}}": told(value, lang, depth + 1) for name, value in match.groupdict().items()}
            filled = match.groupdict()
            fixed = sum(map(str.isalpha, _FILLED.sub("", message)))
            if fixed < _SHORT:
                odd = any(map(_ONE_SPACE.search, filled.values()))
            elif fixed > _LONG:
                odd = False
            else:
                quoted = _QUOTES.search(message)
                odd = any(
                    _ENGLISH.search(v)
                    for name, v in filled.items()
                    if v == values[f"{{{name[1:]}}}"] and not (quoted and name[1:] == quoted[1])
                )
            if not odd:  # half a sentence is no sentence
                return _FILLED.sub(_filled_from(values), messages[message])
    return _told_as_list(text, lang, depth)


_SENTENCES = re.compile(r"(?<=[.!?]) (?=[A-Z])")
_LISTS = {": ": "：", "; ": "；", ", ": "，", " or ": " 或 ", " and ": " 和 ", ", or ": "，或 ", " -> ": " -> "}
"""What stands between the parts of a list, and what stands there in Chinese."""


def _list_of_messages(text: str, messages: dict[str, str]) -> str:
    """A list each of whose parts is a message as it stands, told; "" for any other text."""
    for between, there in _LISTS.items():
        parts = text.split(between)
        if len(parts) > 1 and all(part in messages for part in parts):
            return there.join(messages[part] for part in parts)
    return ""


def _told_as_list(text: str, lang: str, depth: int) -> str:
    """A list whose parts are told one by one; as it is where a part stays an English sentence."""
    sentences = _SENTENCES.split(text)
    if len(sentences) > 1:
        each = [told(sentence, lang, depth + 1) for sentence in sentences]
        return "".join(each) if not any(map(_ENGLISH.search, each)) else text
    for between, there in _LISTS.items():
        if between in text:
            parts = text.split(between)
            each = [told(part, lang, depth + 1) for part in parts]
            untold = between == ", " and each == parts
            if untold and any(map(_ONE_SPACE.search, parts)):
                continue
            joined = ("、" if untold else there).join(each)  # names, or clauses
            if not _ENGLISH.search(joined):
                return joined
    return text


def _filled_from(values: dict[str, str]) -> Callable[[re.Match[str]], str]:
    return lambda place: values.get(place[0], place[0])


def message_of(text: str) -> str:
    """The message that a sentence was made of, `{0}` and the like in place of what filled it; "" for none of ours."""
    messages = _messages("zh")
    if text in messages:
        return text
    return next((message for pattern, message in _templates("zh") if pattern.fullmatch(text)), "")
