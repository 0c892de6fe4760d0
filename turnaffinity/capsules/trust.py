"""Is this capsule our own? A key that never leaves this user's home signs what a capsule says was judged.

`replay` runs the command that a capsule names only if the signature is right; a stranger's capsule has none that is.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import Any

KEY_BYTES = 32


def key_file() -> Path | None:
    """The key: turnaffinity/capsule-key in $XDG_STATE_HOME, by default ~/.local/state; None without a home."""
    state = os.environ.get("XDG_STATE_HOME")
    try:
        folder = Path(state) if state else Path.home() / ".local" / "state"
    except RuntimeError:
        return None
    return folder / "turnaffinity" / "capsule-key"


def _key(*, make: bool) -> bytes | None:
    path = key_file()
    if path is None:
        return None
    try:
        if make and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
        key = path.read_bytes()
    except OSError:
        return None
    return key if len(key) == KEY_BYTES else None


def signature(judged: dict[str, Any]) -> str | None:
    """The signature of what was judged; None where no key can be kept. The key is made when it is first wanted."""
    key = _key(make=True)
    return None if key is None else _signed(key, judged)


def is_signed(judged: dict[str, Any], claimed: str | None) -> bool:
    """Whether this user's key made the signature."""
    key = _key(make=False)
    return key is not None and claimed is not None and hmac.compare_digest(_signed(key, judged), claimed)


def _signed(key: bytes, judged: dict[str, Any]) -> str:
    text = json.dumps(judged, sort_keys=True, ensure_ascii=True)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
