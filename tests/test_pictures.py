"""Can every picture be seen by everybody: the same bytes each time, told in words, legible in light and in dark?"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from turnaffinity.reports.matrix import decision_matrix
from turnaffinity.showing.canvas import NODE_COLOURS, STYLE, Picture
from turnaffinity.showing.charts import growth, histogram
from turnaffinity.showing.sequence import sequence
from turnaffinity.showing.timeline import Moment, timeline
from turnaffinity.showing.wire import WireRow

OKABE_ITO = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000"}
"""M. Okabe and K. Ito, "Color Universal Design", 2008: eight colours told apart by every kind of colour vision."""

LEGIBLE = 4.5
"""The least contrast of text and ground, by WCAG 2.1, criterion 1.4.3."""

HOSTILE = "<b>&\"'</b>\x07"


def rows_of(name: str) -> list[WireRow]:
    rows = [(0, f"EVALSHA {name}", "one atomic step"), (1, "HGET a b", ""), (0, "HSET a b c", "", True)]
    return [WireRow(*row) for row in rows]


def each(name: str) -> dict[str, Picture]:
    moment = Moment(name, jobs=(("en", "n1"), ("ja", "n2")))
    return {
        "timeline": timeline([moment, Moment("manual", jobs=(("en", None),))], title=name),
        "sequence": sequence(rows_of(name), title=name, answer=name),
        "matrix": decision_matrix([(name, {"G1": True, "G2": False}), ("best", {"G1": True, "G2": True})], title=name),
        "histogram": histogram(Counter({name: 3, "n2": 5}), title=name),
        "growth": growth({name: [(0, 0), (1, 5)], "none": [(0, 0), (1, 0)]}, title=name),
    }


PICTURES = sorted(each("x"))


@pytest.mark.parametrize("kind", PICTURES)
def test_the_same_facts_give_the_same_bytes_and_others_do_not(kind: str) -> None:
    assert each("said")[kind].svg == each("said")[kind].svg
    assert each("said")[kind].svg != each("unsaid")[kind].svg


@pytest.mark.parametrize("kind", PICTURES)
def test_a_reader_who_cannot_see_it_is_told_what_it_shows(kind: str) -> None:
    root = ElementTree.fromstring(each("what was said")[kind].svg)
    space = {"svg": "http://www.w3.org/2000/svg"}
    title, description = root.find("svg:title", space), root.find("svg:desc", space)
    assert (root.get("role"), root.get("aria-label")) == ("img", "what was said")
    assert title is not None
    assert title.text == "what was said"
    assert description is not None
    assert len(description.text or "") > 15


@pytest.mark.parametrize("kind", PICTURES)
def test_marks_in_a_name_stay_text(kind: str) -> None:
    root = ElementTree.fromstring(each(HOSTILE.rstrip("\x07"))[kind].svg)
    assert not [element for element in root.iter() if element.tag.endswith("}b")]


@pytest.mark.parametrize("kind", PICTURES)
def test_nothing_is_loaded_or_run_and_all_of_it_lies_inside(kind: str) -> None:
    picture = each("x")[kind]
    assert not re.search(r"<script|\son\w+=|href=|url\(http|@import", picture.svg)
    root = ElementTree.fromstring(picture.svg)
    for element in root.iter():
        for axis, most in (("x", picture.width), ("y", picture.height)):
            assert 0 <= float(element.get(axis, "0")) <= most


def test_nodes_have_colours_that_every_eye_tells_apart_and_names_beside_them() -> None:
    assert set(NODE_COLOURS) <= OKABE_ITO
    assert len(set(NODE_COLOURS)) == len(NODE_COLOURS)
    svg = each("x")["timeline"].svg
    assert ">n1<" in svg
    assert ">n2<" in svg


def test_what_holds_and_what_is_broken_differ_by_a_sign_too() -> None:
    svg = each("x")["matrix"].svg
    assert svg.count("✓") == 3
    assert svg.count("✗") == 1


def test_text_is_legible_on_its_ground_in_light_and_in_dark() -> None:
    light, dark = STYLE.split("@media (prefers-color-scheme:dark)")
    for style in (light, dark):
        fill = dict(re.findall(r"(text|\.\w+)\{[^}]*fill:(#[0-9a-f]{6})", style))
        assert {"text", ".paper", ".faint", ".good", ".bad"} <= set(fill)
        for words, ground in [("text", ".paper"), (".faint", ".paper"), ("text", ".good"), ("text", ".bad")]:
            assert contrast(fill[words], fill[ground]) >= LEGIBLE, (words, ground)


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_names_at_the_ends_of_lines_do_not_cover_each_other() -> None:
    svg = growth({f"line {n}": [(0.0, 0.0), (1.0, 5.0)] for n in range(4)}, title="four that end alike").svg
    heights = sorted(float(y) for y in re.findall(r'y="([\d.]+)"[^>]*>line \d<', svg))
    assert len(heights) == 4
    assert min(after - before for before, after in pairwise(heights)) >= 12
