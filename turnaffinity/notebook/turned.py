"""What changes if I turn a decision? A panel over a finished search: choose D1 to D4 and a goal, step through."""

from __future__ import annotations

from html import escape
from typing import Any

from turnaffinity.contract.decisions import DECISIONS, DEFAULT_READING, GOALS, Reading, reading_from
from turnaffinity.explorer.matrix import Exploration
from turnaffinity.notebook.panel import Panel
from turnaffinity.reports.matrix import story
from turnaffinity.showing.shown import PRE
from turnaffinity.showing.wording import Words


class Turned(Panel):
    """The goals under one combination of choices, and a counterexample of one of them up to a step.

    Where widgets are not available the page keeps what was chosen last.
    """

    def __init__(self, result: Exploration, reading: Reading = DEFAULT_READING, goal_id: str = "") -> None:
        self.result, self.reading = result, reading
        self.goal_id = goal_id or next(iter(result.missed(reading)), GOALS[0].id)
        self.shown = len(self.story)

    @property
    def story(self) -> list[str]:
        """The sentences of the chosen goal's counterexample; one sentence where the goal holds."""
        return story(self.result.cell(self.reading, self.goal_id), self.words)

    def turn(self, **choices: str) -> None:
        """Turn decisions by name: turn(D2="after")."""
        self.reading = reading_from({**self.reading.as_dict(), **choices})
        self.shown = min(self.shown, len(self.story))

    # what is seen

    def lines(self, width: int | None = None) -> list[str]:
        """The choices, a line for each goal, and the story so far."""
        choices = ", ".join(f"{name} = {choice}" for name, choice in self.reading.as_dict().items())
        name = f" ({self.reading.name})" if self.reading.name else ""
        held = [
            f"{'✓' if self.result.cell(self.reading, goal.id).holds else '✗'} {goal.id} {self.words.told(goal.title)}"
            for goal in GOALS
        ]
        return [f"{choices}{name}", *held, "", *self.story[: self.shown]]

    def html(self) -> str:
        """The same, long lines broken where the page ends."""
        style = PRE.replace("white-space:pre;", "white-space:pre-wrap;")
        return f"<pre {style}>{escape(chr(10).join(self.lines()))}</pre>"

    @property
    def words(self) -> Words:
        """The notebook's language."""
        return Words()

    def panel(self) -> Any:
        """The widgets: a list for each decision, one for the goal, a slider for the step."""
        import ipywidgets as widgets

        page = widgets.HTML(self.html())
        goal = widgets.Dropdown(options=[goal.id for goal in GOALS], value=self.goal_id, description="goal")
        step = widgets.IntSlider(value=self.shown, min=1, max=len(self.story), description="step")
        turned = [
            widgets.Dropdown(options=list(each.choices), value=self.reading.as_dict()[each.id], description=each.id)
            for each in DECISIONS
        ]

        def show() -> None:
            step.max = len(self.story)
            page.value = self.html()

        def chosen(change: Any) -> None:
            self.turn(**{change["owner"].description: change["new"]})
            show()

        def other_goal(change: Any) -> None:
            self.goal_id = change["new"]
            self.shown = len(self.story)
            show()
            step.value = self.shown

        def stepped(change: Any) -> None:
            self.shown = change["new"]
            show()

        for each in turned:
            each.observe(chosen, names="value")
        goal.observe(other_goal, names="value")
        step.observe(stepped, names="value")
        return widgets.VBox([widgets.HBox(turned), widgets.HBox([goal, step]), page])
