"""How does a page come about? One frame and one style sheet for all of them, whole in one file, without a script."""

from __future__ import annotations

import re
from typing import Any

from markupsafe import Markup, escape

from turnaffinity.showing.plain import plain


def rendered(template: str, *, lang: str = "en", **data: Any) -> str:
    """The page as HTML. Everything that a stranger wrote is escaped, and shown without escape sequences."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("turnaffinity.reports", "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["plain"] = lambda text: " ".join(plain(str(text)).split())
    environment.filters["marked"] = marked
    return environment.get_template(template).render(lang="zh-CN" if lang == "zh" else "en", **data)


def marked(text: str) -> Markup:
    """A sentence of ours as HTML: what stands in backticks is code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))
