"""Can we work on this server? What it is, whether it is new enough, and a sentence for each way in which it is not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from turnaffinity.problem import CannotRun

OLDEST = {"Redis": (7, 0), "Valkey": (8,)}
"""The oldest versions that we work on (DESIGN, section 9)."""


def identify(info: Mapping[str, Any], where: str) -> tuple[str, tuple[int, ...]]:
    """Name and version from INFO's server section: ("Valkey 9.1.2", (9, 1, 2)).

    Raises `CannotRun` if the server is too old: Redis before 7.0, Valkey before 8.
    """
    product = "Valkey" if "valkey_version" in info or info.get("server_name") == "valkey" else "Redis"
    text = str(info.get("valkey_version") or info.get("redis_version") or "")
    version = tuple(int(part) for part in text.split(".") if part.isdigit())
    if version < OLDEST[product]:
        oldest = ".".join(map(str, OLDEST[product]))
        raise CannotRun(
            where,
            f"{product} {text or 'of an unknown version'} is too old",
            f"use {product} {oldest} or newer, or leave --server out for the embedded Valkey",
        )
    return f"{product} {text}", version
