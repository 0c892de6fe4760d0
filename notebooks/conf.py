"""How do the notebooks become a book? Sphinx reads this (`make book`); nothing is executed again.

Each language is a build of its own: the pages at the root in English, those of `zh` with `-t zh` in Chinese.
"""

import logging
from pathlib import Path

CHINESE = tags.has("zh")  # noqa: F821  (Sphinx hands it over)

project = "turnaffinity"
language = "zh_CN" if CHINESE else "en"
html_title = "turnaffinity：逐条走读契约" if CHINESE else "turnaffinity: the contract, walked through"
extensions = ["myst_nb"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"
html_theme = "furo"
html_copy_source = False
html_show_copyright = False
exclude_patterns = ["**.ipynb_checkpoints", *([] if CHINESE else ["zh/**"])]
suppress_warnings = ["mystnb.unknown_mime_type"]

logging.getLogger("jieba").setLevel(logging.WARNING)  # it tells of its dictionary

FURO = {
    "Skip to content": "跳到正文",
    "Back to top": "回到页首",
    "On this page": "本页目录",
    "<span>Next</span>": "<span>下一页</span>",
    "<span>Previous</span>": "<span>上一页</span>",
    "<span>Home</span>": "<span>首页</span>",
}
"""What the theme says, and no catalog of Sphinx has."""


def twin_link(app, pagename, templatename, context, doctree):
    """Put a link to the same page in the other language at the top of each page."""
    home = Path(app.srcdir)
    other = home.parent if CHINESE else home / "zh"
    up = "../" * (pagename.count("/") + CHINESE)
    there = f"{up}{'' if CHINESE else 'zh/'}{pagename}.html"
    if "body" in context and any((other / f"{pagename}{ending}").is_file() for ending in (".md", ".ipynb")):
        said = "English" if CHINESE else "中文"
        context["body"] = f'<p class="twin"><a href="{there}">{said}</a></p>' + context["body"]


def in_chinese(app, error):
    """Say what the theme says by itself in Chinese, and let the search find its stemmer."""
    if error or not CHINESE:
        return
    # Sphinx hands over the English stemmer here and asks for it by the name of the language
    data = Path(app.outdir, "_static", "language_data.js")
    text = data.read_text(encoding="utf-8")
    data.write_text(
        text.replace("window.Stemmer = ChineseStemmer", "window.Stemmer = EnglishStemmer"), encoding="utf-8"
    )
    for page in Path(app.outdir).rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for english, chinese in FURO.items():
            text = text.replace(english, chinese)
        page.write_text(text, encoding="utf-8")


def setup(app):
    """Called by Sphinx."""
    app.connect("html-page-context", twin_link)
    app.connect("build-finished", in_chinese)
