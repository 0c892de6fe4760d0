"""Does the panel do what its buttons say, and nothing of its own? Pressed by code; the browser presses it elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from turnaffinity.notebook.stepper import SESSION, Stepper, stepper

ipywidgets = pytest.importorskip("ipywidgets")


@pytest.fixture
def panel() -> Iterator[tuple[Stepper, dict[str, Any], Any]]:
    made = stepper()
    buttons, nodes, page = made.panel().children
    named = {widget.description: widget for widget in [*buttons.children, *nodes.children[1:]]}
    yield made, named, page
    made.close()


def test_a_finalize_button_finalizes_and_the_page_shows_it(panel: tuple[Stepper, dict[str, Any], Any]) -> None:
    made, press, page = panel
    before = page.value
    press["max_duration"].click()
    turn = made.stage.open_turn(SESSION)
    assert turn is not None
    assert made.stage.affinity(turn) == made.steps[-1].node
    assert page.value != before
    assert "affinity_node_id" in page.value
    press["timeout"].click()
    assert made.stage.open_turn(SESSION) is None


def test_a_node_that_is_taken_offline_gets_no_job_until_it_is_back(panel: tuple[Stepper, dict[str, Any], Any]) -> None:
    made, press, page = panel
    press["n1"].value = press["n2"].value = False
    assert not made.stage.exists("lingua:v1:node:n1")
    assert "offline: n1, n2" in page.value
    press["max_duration"].click()
    assert made.steps[-1].node == "n3"
    press["n1"].value = True
    assert made.stage.exists("lingua:v1:node:n1")
    assert "offline: n2" in page.value


def test_another_reading_begins_again_and_changes_what_is_done(panel: tuple[Stepper, dict[str, Any], Any]) -> None:
    made, press, page = panel
    press["n1"].value = False
    press["max_duration"].click()
    press["reading"].value = "literal"
    assert "reading literal; offline: none" in page.value
    assert press["n1"].value is True
    assert (made.steps, made.gone) == ([], set())
    for _ in range(2):
        press["max_duration"].click()
    assert made.steps[0].turn_id != made.steps[1].turn_id  # D1 = mint


def test_without_widgets_the_page_is_a_picture_of_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    made = stepper("max_duration", "manual")
    try:
        live = made._repr_mimebundle_()
        monkeypatch.setitem(sys.modules, "ipywidgets", None)
        still = made._repr_mimebundle_()
    finally:
        made.close()
    assert "application/vnd.jupyter.widget-view+json" in live
    assert set(still) == {"text/plain", "text/html"}
    assert still["text/html"] == live["text/html"]
    assert 'alt="what was said so far"' in still["text/html"]


def test_the_same_steps_give_the_same_page() -> None:
    pages = []
    for _ in range(2):
        made = stepper("max_duration", "max_duration", "timeout")
        pages.append(made.html())
        made.close()
    assert pages[0] == pages[1]
