"""Do the Chinese pages and notebooks keep step with the English ones?"""

import json
import re
from pathlib import Path

import pytest

from turnaffinity.contract.glossary import TERMS
from turnaffinity.notebook import readme
from turnaffinity.translating.edition import chinese, translated
from turnaffinity.translating.files import messages_of

NOTEBOOKS = sorted((Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))
STEMS = {"batch": "批", "write": "写", "closed": "关闭", "the wire": "命令", "case": "用例"}
"""What stays of a term in a sentence."""
PAGES = (readme.README, readme.FOR_IMPLEMENTERS)
ENGLISH = re.compile(r"\b[a-z]{2,}(?: [a-z']{2,}){5,}")
"""So many English words in a row are a sentence."""


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`]*`|<[^>]*>|\]\([^)]*\)", " ", text, flags=re.DOTALL)


def commands_in(text: str) -> list[str]:
    found = re.findall(r"^(?:\$ )?((?:turnaffinity|make|pip|cargo|docker) [^#\n]*)", text, re.MULTILINE)
    return [command.strip() for command in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_a_chinese_page_has_the_headings_the_commands_and_the_figures_of_the_english_one(page: Path) -> None:
    english, told = (path.read_text(encoding="utf-8") for path in (page, readme.in_chinese(page)))
    assert [len(h) for h in re.findall(r"^(#+) ", told, re.M)] == [len(h) for h in re.findall(r"^(#+) ", english, re.M)]
    generated = r"<!-- (\w+) -->.*?<!-- /\1 -->"
    assert re.findall(r"<!-- (\w+) -->", told) == re.findall(r"<!-- (\w+) -->", english)
    english, told = (re.sub(generated, "", text, flags=re.DOTALL) for text in (english, told))
    commands = [
        re.findall(r"^(?:\$ )?((?:turnaffinity|make|pip|cargo|docker) [^#\n]*)", text, re.M) for text in (english, told)
    ]
    assert [command.strip() for command in commands[1]] == [command.strip() for command in commands[0]]
    assert ENGLISH.findall(without_code(told)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_both_pages_name_each_other(page: Path) -> None:
    assert "(README.zh-CN.md)" in page.read_text(encoding="utf-8")
    assert "(README.md)" in readme.in_chinese(page).read_text(encoding="utf-8")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_chinese_notebook_is_the_english_one_translated(path: Path) -> None:
    wanted = translated(path, messages_of("notebooks"))
    book = json.loads(chinese(path).read_text(encoding="utf-8"))
    mend = f"python -m turnaffinity.translating.edition {path.stem}"
    assert ["".join(cell["source"]) for cell in book["cells"]] == [cell.source for cell in wanted.cells], mend


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_chinese_notebook_has_no_english_sentence_in_its_prose(path: Path) -> None:
    cells = json.loads(chinese(path).read_text(encoding="utf-8"))["cells"]
    prose = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    assert ENGLISH.findall(without_code(prose)) == []


def test_the_words_that_a_glossary_fixes_are_used() -> None:
    """In nearly all messages: a word may have a meaning of its own beside the term's, or go unsaid in Chinese."""
    odd = {}
    for domain in ("notebooks", "cases"):
        for english, term in TERMS.items():
            told = [zh for text, zh in messages_of(domain).items() if re.search(rf"\b{english}\b", text)]
            used = sum(STEMS.get(english, term) in zh for zh in told)
            if len(told) >= 5 and used < 0.6 * len(told):
                odd[domain, english] = used, len(told)
    assert odd == {}
