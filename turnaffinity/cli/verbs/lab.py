"""`turnaffinity lab`: how are the notebooks opened, with a live server behind them, and nothing left afterwards?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from turnaffinity.cli.options import Lang


def lab(
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="A server of yours that the notebooks use.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", metavar="DIR", help="Where the copy goes. Default: ./turnaffinity-notebooks."),
    ] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open a browser on it.")] = False,
    lang: Lang = "en",
) -> None:
    """JupyterLab on a copy of the notebooks, with a live server behind them.

    The notebooks are copied into DIR; a file that is there already is kept as it is, so that your edits are never
    overwritten (delete one to get the original again). JupyterLab listens on a free port of 127.0.0.1; its address is
    printed once. Ctrl-C ends everything: JupyterLab, its kernels and the server. Without --url each notebook starts an
    embedded server of its own. With --lang zh it is the Chinese edition, in ./turnaffinity-notebooks-zh.

    turnaffinity lab
    turnaffinity lab --lang zh
    turnaffinity lab --url redis://127.0.0.1:6379/0 --folder ~/review

    exit: 0 ended by you   2 a folder that cannot be written   3 JupyterLab or the server could not be run
    """
    from turnaffinity.notebook.lab import run_lab
    from turnaffinity.showing.wording import check_language

    check_language(lang)
    folder = folder or Path("turnaffinity-notebooks-zh" if lang == "zh" else "turnaffinity-notebooks")
    raise typer.Exit(run_lab(url, folder, browser=browser, lang=lang))
