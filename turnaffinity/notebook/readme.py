"""What in the READMEs comes out of a run? Their blocks between `<!-- name -->` and `<!-- /name -->`, written anew here.

`python -m turnaffinity.notebook.readme` writes them; tests hold them in step.
"""

from __future__ import annotations

import re
from pathlib import Path

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
        f"<details><summary>the whole table</summary>\n\n```console\n{body}\n```\n\n</details>\n"
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
    return (
        f"{decisions_markdown(exploration)}\n<details><summary>all 24 combinations</summary>\n\n"
        f"{matrix_markdown(exploration)}\n</details>\n"
    )


def upgrades_block() -> str:
    """Which versions may serve the same sessions during an upgrade, and the small matrix, folded."""
    matrix = roll_out_all()
    said = "".join(f"- {line}\n" for line in upgrades_said(matrix))
    return f"{said}\n<details><summary>all pairs, goal by goal</summary>\n\n{rollouts_markdown(matrix)}\n</details>\n"


def rules_block() -> str:
    """How many rules there are."""
    with_faults = sum(judged_only_with_faults(rule_id) for rule_id in RULES)
    return (
        f"{len(RULES)} rules say what must hold, {with_faults} of them about faults, which are judged with `--faults`\n"
    )


def readings_block() -> str:
    """The open decisions with their choices, and what each named reading chooses."""
    lines = ["| | decides | choices |", "|---|---|---|"]
    for each in DECISIONS:
        choices = "; ".join(f"`{choice}`: {meaning}" for choice, meaning in each.choices.items())
        lines.append(f"| {each.id} | {each.question} | {choices} |")
    lines += ["", f"| reading | {' | '.join(each.id for each in DECISIONS)} |", "|---|" + "---|" * len(DECISIONS)]
    for name, reading in PRESETS.items():
        default = " (the default)" if reading == DEFAULT_READING else ""
        lines.append(f"| `{name}`{default} | {' | '.join(reading.as_dict().values())} |")
    return "\n".join(lines) + "\n"


def losses_block() -> str:
    """What was tried under load, and what was lost: the counts of one run, which the next one may not repeat."""
    outcomes = [run_storm(storm, embedded_binary()) for storm in STORMS]
    return f"```console\n$ turnaffinity load --markdown\n```\n\n{losses_markdown(outcomes, 'the specification')}"


def main() -> None:
    """Write all blocks of the READMEs anew."""
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
