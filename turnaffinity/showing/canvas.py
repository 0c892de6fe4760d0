"""How is a picture drawn? A small SVG writer: fixed bytes, an alternative text, colours for light and dark."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

from turnaffinity.showing.wording import Words

NODE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's palette, told apart by every kind of colour vision; a label always says the same as the colour."""

STYLE = (
    "text{font-family:system-ui,'Noto Sans CJK SC',sans-serif;fill:#1b1f24}"
    ".paper{fill:#ffffff}.faint{fill:#5b6370}.line{stroke:#5b6370}.grid{stroke:#d5d9df}"
    ".mono{font-family:ui-monospace,'DejaVu Sans Mono',monospace}.good{fill:#cfe5f3}.bad{fill:#fbdcc4}"
    "@media (prefers-color-scheme:dark){text{fill:#e8eaed}.paper{fill:#16191d}.faint{fill:#a5adb8}"
    ".line{stroke:#a5adb8}.grid{stroke:#3a4048}.good{fill:#12425f}.bad{fill:#6b3413}}"
)
"""One style for light and dark; the paper is drawn too, so that the picture is legible on any page."""


@dataclass
class Picture:
    """A picture under construction, and what a notebook shows of it.

    `title` is its alternative text in one line; `description` tells what a reader who cannot see it needs to know.
    """

    width: int
    height: int
    title: str
    description: str = ""
    parts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.title, self.description = (Words().told(text) for text in (self.title, self.description))

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: int = 13,
        anchor: str = "start",
        style: str = "",
        bold: bool = False,
        tip: str = "",
    ) -> None:
        """Words at a point of their baseline; `anchor`: start, middle or end; `tip` is told under the pointer."""
        words, tip = map(Words().told, (words, tip))
        weight = ' font-weight="600"' if bold else ""
        kind = f' class="{style}"' if style else ""
        inside = f"<title>{escape(tip)}</title>" if tip else ""
        self.parts.append(
            f'<text x="{number(x)}" y="{number(y)}" font-size="{size}" text-anchor="{anchor}"{weight}{kind} '
            f'xml:space="preserve">{inside}{escape(words)}</text>'
        )

    def box(
        self, x: float, y: float, width: float, height: float, *, fill: str = "", style: str = "", tip: str = "",
        round_px: int = 4,
    ) -> None:  # fmt: skip
        """A filled rectangle; `tip` is told when the pointer rests on it."""
        paint = f' fill="{fill}"' if fill else ""
        kind = f' class="{style}"' if style else ""
        inside = f"<title>{escape(Words().told(tip))}</title>" if tip else ""
        self.parts.append(
            f'<rect x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" '
            f'rx="{round_px}"{paint}{kind}>{inside}</rect>'
        )

    def line(
        self,
        x1: float,
        y1: float,
        x2: float,
        y2: float,
        *,
        style: str = "line",
        arrow: bool = False,
        dashed: bool = False,
    ) -> None:
        """A straight line, with a head at its end if it is an arrow."""
        extra = (' marker-end="url(#head)"' if arrow else "") + (' stroke-dasharray="5 4"' if dashed else "")
        self.parts.append(
            f'<line x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}" class="{style}" '
            f'stroke-width="1.4"{extra}/>'
        )

    def path(self, points: list[tuple[float, float]], *, colour: str, dashed: str = "") -> None:
        """A line through points, in a colour of the palette; `dashed` tells series apart without colour."""
        where = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        dash = f' stroke-dasharray="{dashed}"' if dashed else ""
        self.parts.append(f'<polyline points="{where}" fill="none" stroke="{colour}" stroke-width="2.5"{dash}/>')

    @property
    def svg(self) -> str:
        """The picture's text; equal input gives equal bytes."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
            f'viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{escape(self.title, quote=True)}">'
            f"<title>{escape(self.title)}</title><desc>{escape(self.description)}</desc><style>{STYLE}</style>"
            '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
            'orient="auto-start-reverse"><path d="M0 0L10 5L0 10z" class="faint"/></marker></defs>'
            f'<rect width="{self.width}" height="{self.height}" class="paper" rx="6"/>'
        )
        return "\n".join([head, *self.parts, "</svg>"]) + "\n"

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"{Words().label('picture')}{self.title}"


def number(value: float) -> str:
    """A coordinate with at most one decimal, and never "-0"."""
    return f"{round(value, 1) + 0:g}"


def colour_of(name: str, known: list[str]) -> str:
    """The colour of a name: the palette in the order of `known`, from the start again after the last."""
    return NODE_COLOURS[known.index(name) % len(NODE_COLOURS)]
