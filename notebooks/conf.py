"""How do the notebooks become a book? Sphinx reads this (`make book`); nothing is executed again."""

project = "turnaffinity"
html_title = "turnaffinity: the contract, walked through"
extensions = ["myst_nb"]
nb_execution_mode = "off"
html_theme = "furo"
html_copy_source = False
html_show_copyright = False
exclude_patterns = ["**.ipynb_checkpoints"]
suppress_warnings = ["mystnb.unknown_mime_type"]
