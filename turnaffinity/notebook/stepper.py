"""What happens if I press this? A panel over a live stage: finalize, take a node offline, and watch keys and wire."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from typing import Any

from turnaffinity.contract.decisions import PRESETS
from turnaffinity.notebook.panel import Panel
from turnaffinity.notebook.stage import Stage, open_stage
from turnaffinity.notebook.step import Step
from turnaffinity.showing.canvas import Picture
from turnaffinity.showing.shown import PRE
from turnaffinity.showing.timeline import timeline
from turnaffinity.showing.wording import Words

SESSION = "s1"
REASONS = ("max_duration", "manual", "timeout")
NODES = ("n1", "n2", "n3")
MOST_SHOWN = 10
"""So many of the latest finalizes are drawn."""


class Stepper(Panel):
    """Buttons over a stage. It decides nothing: each press asks the implementation, and what stands is shown.

    Where widgets are not available the page keeps the picture of the steps taken so far.
    """

    def __init__(self, *reasons: str, reading: str = "intent") -> None:
        self.stage: Stage = open_stage(reading)
        self.steps: list[Step] = []
        self.gone: set[str] = set()
        for reason in reasons:
            self.finalize(reason)

    # what the buttons do

    def finalize(self, reason: str) -> None:
        """One finalize of the session, solo, from zh to en."""
        self.steps.append(self.stage.finalize(SESSION, reason))

    def toggle(self, node: str) -> None:
        """Take a node offline, or bring it back."""
        if node in self.gone:
            self.stage.serve(node, pairs=("zh:en", "zh:ja", "zh:ko"))
            self.gone.discard(node)
        else:
            self.stage.offline(node)
            self.gone.add(node)

    def read(self, reading: str) -> None:
        """Begin again under another reading, on an empty server."""
        self.stage.close()
        self.stage, self.steps, self.gone = open_stage(reading), [], set()

    def close(self) -> None:
        """End the implementation and the server."""
        self.stage.close()

    # what is seen

    def lines(self, width: int | None = None) -> list[str]:
        """The last step as text, and which nodes are offline."""
        offline = ", ".join(sorted(self.gone)) or "none"
        last = self.steps[-1].lines() if self.steps else self.stage.keys().lines()
        return [Words().told(f"reading {self.stage.reading.label}; offline: {offline}"), *last]

    def html(self) -> str:
        """The timeline of the steps, then the last step's commands and keys."""
        offline = ", ".join(sorted(self.gone)) or "none"
        about = f"<p>{escape(Words().told(f'reading {self.stage.reading.label}; offline: {offline}'))}</p>"
        if not self.steps:
            return about + self.stage.keys().html()
        last = self.steps[-1]
        shown = self.steps[-MOST_SHOWN:]
        picture = timeline(
            [step.moment for step in shown if step.refused is None], title=Words()("what was said so far")
        )
        told = f"<pre {PRE}>{escape(Words().told(last.asked))}  -&gt;  {escape(Words().told(last.told))}</pre>"
        return about + _as_image(picture) + told + last.wire.html() + last.keys_after.html()

    def panel(self) -> Any:
        """The widgets: choose a reading, finalize, take nodes offline; below them what is seen."""
        import ipywidgets as widgets

        page = widgets.HTML(self.html())
        reading = widgets.Dropdown(options=list(PRESETS), value=self.stage.reading.name, description="reading")
        finalizes = [widgets.Button(description=reason, tooltip=f"one {reason} finalize") for reason in REASONS]
        nodes = [widgets.ToggleButton(value=True, description=node, tooltip="online while pressed") for node in NODES]

        def begin_again(change: Any) -> None:
            self.read(change["new"])
            for node in nodes:
                node.set_trait("value", True)
            page.value = self.html()

        def pressed(button: Any) -> None:
            self.finalize(button.description)
            page.value = self.html()

        def toggled(change: Any) -> None:
            node = change["owner"].description
            if change["new"] == (node in self.gone):  # not where the stage is in that state already
                self.toggle(node)
                page.value = self.html()

        reading.observe(begin_again, names="value")
        for button in finalizes:
            button.on_click(pressed)
        for node in nodes:
            node.observe(toggled, names="value")
        return widgets.VBox([widgets.HBox([reading, *finalizes]), widgets.HBox([widgets.Label("nodes"), *nodes]), page])


def _as_image(picture: Picture) -> str:
    """A picture within HTML, its styles kept to itself."""
    data = b64encode(picture.svg.encode()).decode("ascii")
    return f'<img alt="{escape(picture.title)}" src="data:image/svg+xml;base64,{data}">'


def stepper(*reasons: str, reading: str = "intent") -> Stepper:
    """A panel to press buttons on, after these finalizes have been taken; its server ends with the notebook."""
    return Stepper(*reasons, reading=reading)
