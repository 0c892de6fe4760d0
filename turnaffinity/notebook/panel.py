"""How is a panel shown? As widgets where there are any; a page keeps what stands on it now."""

from __future__ import annotations

from typing import Any

from turnaffinity.showing.shown import Shown


class Panel(Shown):
    """Something to press and to turn; `panel` makes the widgets."""

    def panel(self) -> Any:
        """The widgets; raises `ImportError` without ipywidgets, which is an extra."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        static = super()._repr_mimebundle_(**options)
        try:
            live: dict[str, Any] = self.panel()._repr_mimebundle_(**options)
        except ImportError:
            return dict(static)
        return {**live, **static}
