"""Is everything said in Chinese too, and does each sentence find its translation?"""

import json
import re
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path

import pytest

from turnaffinity.catalogs import DOMAINS, message_of, said, told
from turnaffinity.translating.catalogs import as_mo, as_po, in_step
from turnaffinity.translating.edition import blocks, is_prose, translated
from turnaffinity.translating.files import messages_of, path_of
from turnaffinity.translating.sources import SOURCES, is_sentence

MEND = "python -m turnaffinity.translating.catalogs"


@pytest.mark.parametrize("domain", SOURCES)
def test_a_catalog_holds_just_what_its_sources_say(domain: str) -> None:
    assert as_po(in_step(domain)) == path_of(domain).read_bytes(), MEND
    # what gettext finds, since the header names the version that wrote it
    wanted = GNUTranslations(BytesIO(as_mo(in_step(domain))))
    with path_of(domain).with_suffix(".mo").open("rb") as file:
        compiled = GNUTranslations(file)
    assert [text for text in messages_of(domain) if compiled.gettext(text) != wanted.gettext(text)] == [], MEND


@pytest.mark.parametrize("domain", SOURCES)
def test_every_message_has_its_chinese(domain: str) -> None:
    assert [text for text, chinese in messages_of(domain).items() if not chinese] == []


@pytest.mark.parametrize("domain", SOURCES)
def test_what_is_filled_in_is_the_same_in_both_languages(domain: str) -> None:
    place = re.compile(r"\{\w+\}")
    odd = [
        text for text, chinese in messages_of(domain).items()
        if domain not in ("notebooks", "documents") and set(place.findall(text)) != set(place.findall(chinese))
    ]  # fmt: skip
    assert odd == []


def test_all_domains_are_looked_in() -> None:
    assert set(DOMAINS) == set(SOURCES) - {"documents", "schemas"}  # which only the book reads


def test_a_sentence_put_together_is_found_by_its_message() -> None:
    english = "n2 never drawn in 508 draws"
    assert message_of(english) == "{0} never drawn in {1} draws"
    assert told(english, "zh") == messages_of("findings")["{0} never drawn in {1} draws"].replace("{0}", "n2").replace(
        "{1}", "508"
    )
    assert told(english, "en") == english


def test_what_nobody_says_stays_as_it_is() -> None:
    assert told("zxq blorb of nowhere at all", "zh") == "zxq blorb of nowhere at all"
    assert said("zxq blorb", "zh") == "zxq blorb"


def test_half_a_sentence_is_not_translated() -> None:
    assert not re.search("[一-鿿]", told("we shall never see the likes of that thing again", "zh"))


@pytest.mark.parametrize(
    ("text", "chinese"),
    [
        ("affinity first, one script", "先亲和，一个脚本"),  # clauses
        ("n1, n2, n3", "n1、n2、n3"),  # names
        ("note=two words, and a thing", "note=two words, and a thing"),  # somebody's own words
        ("G8 (no theft) needs D1 = reuse, D4 = write-once or repair.",
         "G8（不被抢走）要求 D1 = reuse，D4 = write-once 或 repair。"),
        ("error bad_request: no such thing here", "错误 bad_request：no such thing here"),
    ],
)  # fmt: skip
def test_a_list_is_told_part_by_part_and_somebodys_own_words_stay(text: str, chinese: str) -> None:
    assert told(text, "zh") == chinese


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("no node, after {0} looks", True),
        ("local function pool(i)", False),
        ("single", False),
        ("<p class='x'>", False),
        ("已关闭的 turn", False),
    ],
)
def test_what_is_a_sentence(text: str, is_one: bool) -> None:
    assert is_sentence(text) is is_one


def test_a_fence_is_one_block_and_no_prose() -> None:
    found = blocks("# A\n\nb\nc\n\n```\nx\n\ny\n```\n\nd")
    assert found == ["# A", "b\nc", "```\nx\n\ny\n```", "d"]
    assert [is_prose(block) for block in found] == [True, True, False, True]


def test_a_translated_notebook_has_the_same_code(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# One\n\nTwo"},
        {"cell_type": "code", "id": "b", "metadata": {}, "source": "x = 1", "outputs": [], "execution_count": 3},
    ]
    path = tmp_path / "one.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    book = translated(path, {"# One": "# 一"})
    assert [cell.source for cell in book.cells] == ["# 一\n\nTwo", "x = 1"]
    assert book.cells[1].execution_count is None
