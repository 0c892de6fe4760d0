"""How do the notebooks become a book? Sphinx reads this (`make book`); nothing is executed again."""

project = "turnaffinity"
html_title = "turnaffinity: the contract, walked through"
extensions = ["myst_nb"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"
html_theme = "furo"
html_copy_source = False
html_show_copyright = False
exclude_patterns = ["**.ipynb_checkpoints"]
language_links = {"": ("zh/", "中文"), "zh/": ("", "English")}


def twin_link(app, pagename, templatename, context, doctree):
    """Put a link to the same page in the other language at the top of each page."""
    here = "zh/" if pagename.startswith("zh/") else ""
    there, said = language_links[here]
    twin = there + pagename.removeprefix(here)
    if "body" in context and twin in app.env.found_docs:
        address = context["pathto"](twin)
        context["body"] = f'<p class="twin"><a href="{address}">{said}</a></p>' + context["body"]


def setup(app):
    """Called by Sphinx."""
    app.connect("html-page-context", twin_link)


suppress_warnings = ["mystnb.unknown_mime_type"]
