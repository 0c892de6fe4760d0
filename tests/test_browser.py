"""Do the notebooks work where people open them? A real JupyterLab and the book, in a real headless browser."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from command_line import typed

pytest.importorskip("jupyterlab")
webdriver = pytest.importorskip("selenium.webdriver")

from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: E402

from turnaffinity.contract.rules import RULES  # noqa: E402
from turnaffinity.notebook.lab import copy_notebooks, started_lab  # noqa: E402

pytestmark = pytest.mark.browser
ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "out"
PATIENCE_S = 60


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("needs chromium and chromedriver on PATH (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for word in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1300,1500",
    ):
        options.add_argument(word)
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield opened
    opened.quit()


def until(browser: Any, true: Any, what: str) -> Any:
    return WebDriverWait(browser, PATIENCE_S).until(true, what)


def everywhere(browser: Any, selector: str) -> list[Any]:
    return browser.find_elements(By.CSS_SELECTOR, selector)


def test_jupyterlab_runs_the_first_notebook_and_its_panel_answers_a_press(browser: Any, tmp_path: Path) -> None:
    copy_notebooks(tmp_path / "lab")
    with started_lab(tmp_path / "lab", None) as lab:
        browser.get(lab.url.replace("/lab?", "/lab/tree/00-start-here.ipynb?"))
        until(browser, lambda b: len(everywhere(b, ".jp-Notebook .jp-CodeCell")) >= 3, "the notebook's cells")
        until(browser, lambda b: everywhere(b, ".jp-Notebook-ExecutionIndicator[data-status=idle]"), "an idle kernel")
        run_all(browser)
        panel = until(browser, lambda b: everywhere(b, ".jp-OutputArea button.widget-button"), "the panel")
        assert [button.text for button in panel] == ["max_duration", "manual", "timeout"]
        assert everywhere(browser, ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']") == []
        assert everywhere(browser, ".jp-RenderedText[data-mime-type='application/vnd.jupyter.error']") == []
        page = everywhere(browser, ".jp-OutputArea .widget-html-content")[0]
        before = page.get_attribute("innerHTML")
        browser.execute_script("arguments[0].scrollIntoView({block: 'start'})", panel[0])
        panel[0].click()
        until(browser, lambda _: page.get_attribute("innerHTML") != before, "another page after the press")
        assert "max_duration" in page.text
        OUT.mkdir(exist_ok=True)
        browser.save_screenshot(str(OUT / "lab.png"))


def run_all(browser: Any) -> None:
    """Run > Run All Cells, by the menu that a reader would use."""
    menu = next(item for item in everywhere(browser, ".lm-MenuBar-item") if item.text == "Run")
    menu.click()
    entry = until(
        browser,
        lambda b: next(
            (item for item in everywhere(b, ".lm-Menu-item") if item.text.startswith("Run All Cells")), None
        ),
        "the menu's entry",
    )
    entry.click()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_book_has_its_pages_its_pictures_and_a_search(browser: Any, scheme: str, book: Path) -> None:
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    browser.get((book / "07-open-decisions.html").as_uri())
    links = [link.get_attribute("href") for link in everywhere(browser, ".sidebar-tree a")]
    english = [link for link in links if "/zh/" not in link and "/reference/" not in link]
    assert len(english) == len(list((ROOT / "notebooks").glob("*.ipynb")))
    (twin,) = everywhere(browser, ".twin a")
    assert twin.text == "中文" and twin.get_attribute("href").endswith("/zh/07-open-decisions.html")
    pictures = everywhere(browser, "article img, article svg[role=img]")
    assert len(pictures) >= 4
    wide = browser.execute_script("return arguments[0].getBoundingClientRect().width", pictures[0])
    assert wide > 300
    browser.save_screenshot(str(OUT / f"book-{scheme}.png"))
    browser.get((book / "search.html").as_uri() + "?q=fallback")
    until(browser, lambda b: everywhere(b, "#search-results li a"), "a page that is found")
    assert "What the end of a turn forgets" in [link.text for link in everywhere(browser, "#search-results li a")]


def test_a_page_of_the_book_leads_to_its_twin_and_back(browser: Any, book: Path) -> None:
    browser.get((book / "03-select.html").as_uri())
    everywhere(browser, ".twin a")[0].click()
    until(browser, lambda b: "/zh/03-select.html" in b.current_url, "the Chinese page")
    assert "亲和" in everywhere(browser, "article")[0].text
    browser.save_screenshot(str(OUT / "book-zh.png"))
    page = browser.find_element(By.TAG_NAME, "html")
    assert page.get_attribute("lang") == "zh-CN"
    titles = [link.text for link in everywhere(browser, ".sidebar-tree .toctree-l1 > a")]
    assert titles and all(re.search("[\u4e00-\u9fff]", title) for title in titles)
    assert not re.search(r"Skip to content|Back to top|On this page|>Next<|>Previous<", browser.page_source)
    everywhere(browser, ".twin a")[0].click()
    until(browser, lambda b: "/zh/" not in b.current_url, "the English page")


def test_the_chinese_book_finds_a_chinese_word(browser: Any, book: Path) -> None:
    browser.get((book / "zh" / "search.html").as_uri() + "?q=清除")
    until(browser, lambda b: everywhere(b, "#search-results li a"), "a page that is found")
    assert "turn 结束时忘掉什么" in [link.text for link in everywhere(browser, "#search-results li a")]


def test_every_link_of_the_book_leads_to_a_page_and_a_place_that_are_there(book: Path) -> None:
    pages = {path: path.read_text(encoding="utf-8") for path in book.rglob("*.html")}
    places = {path: set(re.findall(r'\bid="([^"]+)"', text)) for path, text in pages.items()}
    rules = {path.stem for path in pages if path.parent.name == "rules"}
    assert rules == set(RULES)
    dead = []
    for path, text in pages.items():
        for address in re.findall(r'<a [^>]*href="([^"]*)"', text):
            if address.startswith(("http", "mailto:", "data:")):
                continue
            file, _, place = unquote(unescape(address)).partition("#")
            target = (path.parent / file.partition("?")[0]).resolve() if file else path
            if not target.exists() or (place and target in places and place not in places[target]):
                dead.append(f"{path.relative_to(book)}: {address}")
    assert dead == []
    to_rules = [address for text in pages.values() for address in re.findall(r'href="([^"]*rules/TA-[^"]*)"', text)]
    assert len(to_rules) > 4 * len(RULES)


def test_a_rule_is_found_by_what_it_says_and_its_page_leads_to_its_notebook(browser: Any, book: Path) -> None:
    browser.get((book / "reference" / "rules" / "TA-CLEAR-5.html").as_uri())
    text = everywhere(browser, "article")[0].text
    assert RULES["TA-CLEAR-5"].statement in text and "deletes-the-session-hash" in text
    everywhere(browser, "article a[href$='04-clear.html']")[0].click()
    until(browser, lambda b: "04-clear" in b.current_url, "the notebook")
    back = everywhere(browser, "article a[href$='rules/TA-CLEAR-5.html']")[0]
    browser.execute_script("arguments[0].click()", back)  # the page's own bar may lie over it
    until(browser, lambda b: "TA-CLEAR-5" in b.current_url, "the rule again")
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 400, "height": 900, "deviceScaleFactor": 1, "mobile": True}
    )
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 400
    browser.save_screenshot(str(OUT / "book-rule-400.png"))
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_on_the_decision_page_a_choice_is_turned_a_story_stepped_and_two_readings_compared(
    browser: Any, tmp_path: Path
) -> None:
    path = tmp_path / "decisions.html"
    assert typed("explore", "--depth", "2", "--html", path).returncode == 0
    browser.get(path.as_uri())
    lit = everywhere(browser, "#matrix tr.lit")
    assert [cell.text for cell in lit[0].find_elements(By.TAG_NAME, "td")][4] == "intent"
    Select(everywhere(browser, ".side[data-side=a] select")[0]).select_by_value("mint")
    (lit,) = everywhere(browser, "#matrix tr.lit")
    assert [cell.text for cell in lit.find_elements(By.TAG_NAME, "td")][4] == "literal"
    everywhere(browser, "#marks button[data-goal=G1]")[0].click()
    (play,) = everywhere(browser, "#play")
    assert play.find_element(By.CLASS_NAME, "place").text.startswith("0 / ")
    play.send_keys(Keys.ARROW_RIGHT)
    assert play.find_element(By.CLASS_NAME, "place").text.startswith("1 / ")
    assert len(play.find_elements(By.CLASS_NAME, "frame")) == 1
    play.find_element(By.CSS_SELECTOR, "[data-go='1']").click()
    assert "Broken:" in play.find_element(By.CLASS_NAME, "ending").text
    everywhere(browser, "#beside")[0].click()
    play.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    films = play.find_elements(By.CLASS_NAME, "film")
    assert [film.find_element(By.TAG_NAME, "h4").text for film in films] == ["literal", "steady"]
    assert "apart" in play.find_element(By.CLASS_NAME, "films").get_attribute("class")
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 400, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    )
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 400
    OUT.mkdir(exist_ok=True)
    browser.save_screenshot(str(OUT / "decisions-400.png"))
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.fixture(scope="module")
def book() -> Path:
    done = subprocess.run(
        ["make", "book", f"VENV={Path(sys.prefix)}"], cwd=ROOT, capture_output=True, text=True, check=False,
        env=dict(os.environ), timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return OUT / "book"
