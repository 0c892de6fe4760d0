"""What if the claim is right and the deed is not? Says that it reuses the open turn, and mints at each finalize."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "implementations" / "python"))

import adapter

CLAIM = {"D1": "reuse", "D2": "before", "D3": "after-batch", "D4": "overwrite"}


class Boaster(adapter.Adapter):
    """The example implementation; it follows the note word for word whatever it is asked for."""

    def carry_out(self, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("op") != "hello":
            return super().carry_out(request)
        return super().carry_out(request | {"reading": "literal"}) | {"name": "boaster", "decisions": CLAIM}


adapter.Adapter = Boaster  # type: ignore[misc]

if __name__ == "__main__":
    adapter.main()
