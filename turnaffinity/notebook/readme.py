"""What in the READMEs comes out of a run? Their blocks between `<!-- name -->` and `<!-- /name -->`, written anew here.

`python -m turnaffinity.notebook.readme` writes them; tests hold them in step.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from turnaffinity.catalogs import LANGUAGE_VARIABLE
from turnaffinity.contract.decisions import DECISIONS, DEFAULT_READING, PRESETS
from turnaffinity.contract.rules import RULES, judged_only_with_faults
from turnaffinity.explorer.matrix import Exploration, explore
from turnaffinity.explorer.rollouts import roll_out_all
from turnaffinity.load.storms import STORMS, run_storm
from turnaffinity.mutation.mutants import load_mutants
from turnaffinity.notebook.shell import Ran, Shell
from turnaffinity.problem import Problem
from turnaffinity.reports.decisions import rollouts_markdown, upgrades_said
from turnaffinity.reports.load import losses_markdown
from turnaffinity.reports.matrix import decisions_markdown, matrix_markdown
from turnaffinity.server import open_server
from turnaffinity.server.started import embedded_binary
from turnaffinity.shared_files import shared
from turnaffinity.showing.wording import Words

README = Path(__file__).resolve().parents[2] / "README.md"
FOR_IMPLEMENTERS = shared("conformance", "README.md")
BLOCK = r"(<!-- {0} -->\n).*?(<!-- /{0} -->)"


def block(text: str, name: str) -> str:
    """What stands in a block; raises `Problem` if the text has none of this name."""
    found = re.search(BLOCK.format(re.escape(name)), text, re.DOTALL)
    if found is None:
        raise Problem(f'block "{name}"', "is not in the text", f"write <!-- {name} --> and <!-- /{name} -->")
    return found[0].removeprefix(found[1]).removesuffix(found[2])


def with_block(text: str, name: str, content: str) -> str:
    """The text with another content in that block."""
    block(text, name)
    return re.sub(BLOCK.format(re.escape(name)), lambda m: f"{m[1]}{content}{m[2]}", text, flags=re.DOTALL)


def verified() -> Ran:
    """The verdict on the reference as a terminal shows it; times are left out."""
    shell = Shell()
    try:
        return shell.run("turnaffinity verify --seed 0")
    finally:
        shell.close()


def verify_block(ran: Ran) -> str:
    """The verdict line, and the whole table folded."""
    body = "\n".join(line for line in ran.printed if line.strip())
    return (
        f"```console\n$ make verify\n...\n{ran.printed[-1]}\n```\n\n"
        f"<details><summary>{Words().told('the whole table')}</summary>\n\n```console\n{body}\n```\n\n</details>\n"
    )


def mistake_block(mutant: str) -> str:
    """What `verify` says of a script with one mistake."""
    source = next(each for each in load_mutants() if each.id == mutant).sources()["select_node.lua"]
    shell = Shell()
    try:
        shell.put("mine.lua", source)
        ran = shell.run("turnaffinity verify --lua mine.lua --seed 0")
    finally:
        shell.close()
    body = "\n".join(line.rstrip() for line in ran.printed)
    return f"```console\n$ turnaffinity verify --lua mine.lua\n{body}\n```\n"


MISTAKES = {README: "recorded-node-not-asked-whether-it-lives", FOR_IMPLEMENTERS: "bound-to-the-dead"}
"""Whose report each page shows."""


def decisions_block(exploration: Exploration) -> str:
    """What follows from the matrix, and the matrix itself, folded."""
    words = Words()
    return f"{decisions_markdown(exploration, words)}\n{_folded('all 24 combinations', matrix_markdown(exploration))}"


def upgrades_block() -> str:
    """Which versions may serve the same sessions during an upgrade, and the small matrix, folded."""
    matrix = roll_out_all()
    said = "".join(f"- {line}\n" for line in upgrades_said(matrix))
    return f"{said}\n{_folded('all pairs, goal by goal', rollouts_markdown(matrix))}"


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{Words().told(title)}</summary>\n\n{body}\n</details>\n"


def rules_block() -> str:
    """How many rules there are."""
    with_faults = sum(judged_only_with_faults(rule_id) for rule_id in RULES)
    said = (
        f"{len(RULES)} rules say what must hold, {with_faults} of them about faults, which are judged with `--faults`"
    )
    return Words().told(said) + "\n"


def readings_block() -> str:
    """The open decisions with their choices, and what each named reading chooses."""
    words = Words()
    lines = [words.told("| | decides | choices |"), "|---|---|---|"]
    for each in DECISIONS:
        choices = "; ".join(f"`{choice}`: {meaning}" for choice, meaning in words.choices(each).items())
        lines.append(f"| {each.id} | {words.question(each)} | {choices} |")
    lines += [
        "",
        f"| {Words()('reading')} | {' | '.join(each.id for each in DECISIONS)} |",
        "|---|" + "---|" * len(DECISIONS),
    ]
    for name, reading in PRESETS.items():
        default = Words().told(" (the default)") if reading == DEFAULT_READING else ""
        lines.append(f"| `{name}`{default} | {' | '.join(reading.as_dict().values())} |")
    return "\n".join(lines) + "\n"


def losses_block() -> str:
    """What was tried under load, and what was lost: the counts of one run, which the next one may not repeat."""
    outcomes = [run_storm(storm, embedded_binary()) for storm in STORMS]
    return f"```console\n$ turnaffinity load --markdown\n```\n\n{losses_markdown(outcomes, 'the specification')}"


def chinese_blocks() -> None:
    """Write the blocks of the Chinese READMEs anew, from the same runs told in Chinese."""
    os.environ[LANGUAGE_VARIABLE] = "zh"
    for page in (README, FOR_IMPLEMENTERS):
        told = in_chinese(page)
        text = told.read_text(encoding="utf-8")
        made: dict[str, Callable[[], str]] = {
            "verify": lambda: verify_block(verified()), "decisions": lambda: decisions_block(explore()),
            "upgrades": upgrades_block, "mistake": partial(mistake_block, MISTAKES[page]),
            "rules": rules_block, "readings": readings_block,
        }  # fmt: skip
        for name, content in made.items():
            if f"<!-- {name} -->" in text:
                text = with_block(text, name, content())
        if "<!-- losses -->" in text:  # the same run: another one counts otherwise
            text = with_block(text, "losses", _retold(block(page.read_text(encoding="utf-8"), "losses")))
        told.write_text(text, encoding="utf-8")


def _retold(text: str) -> str:
    """Sentences, and the cells of tables, in Chinese."""
    words = Words()
    cells = (line[2:-2].split(" | ") if line.startswith("| ") else None for line in text.split("\n"))
    return "\n".join(
        f"| {' | '.join(map(words.told, row))} |" if row else words.told(line)
        for row, line in zip(cells, text.split("\n"), strict=True)
    )


def in_chinese(page: Path) -> Path:
    """Where a README's Chinese edition lies."""
    return page.with_name(f"{page.stem}.zh-CN.md")


def main() -> None:
    """Write all blocks of the READMEs anew; with `zh` those of the Chinese ones alone."""
    if sys.argv[1:] == ["zh"]:
        chinese_blocks()
        return
    text = with_block(README.read_text(encoding="utf-8"), "verify", verify_block(verified()))
    with open_server() as server:
        text = with_block(text, "decisions", decisions_block(explore(server=server)))
    text = with_block(text, "upgrades", upgrades_block())
    text = with_block(text, "losses", losses_block())
    text = with_block(text, "mistake", mistake_block(MISTAKES[README]))
    README.write_text(with_block(text, "rules", rules_block()), encoding="utf-8")
    text = with_block(FOR_IMPLEMENTERS.read_text(encoding="utf-8"), "readings", readings_block())
    text = with_block(text, "mistake", mistake_block(MISTAKES[FOR_IMPLEMENTERS]))
    FOR_IMPLEMENTERS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
