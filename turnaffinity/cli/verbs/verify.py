"""Does it keep the contract? The verb `verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from turnaffinity.cli.options import ExpectFile, HtmlFile, JsonFile, JunitFile, Lang, LayoutFile, MarkdownFile


def verify(
    lua: Annotated[Path | None, typer.Option("--lua", metavar="FILE", help="judge this select_node.lua")] = None,
    adapter: Annotated[
        str | None, typer.Option("--adapter", metavar="CMD", help="judge this adapter: a command, or unix:///PATH")
    ] = None,
    beside: Annotated[
        str | None, typer.Option("--beside", metavar="CMD", help="a second version, which serves the same sessions")
    ] = None,
    server: Annotated[
        str | None,
        typer.Option("--server", metavar="SPEC", help="embedded (default), redis, fake, cluster, or a URL"),
    ] = None,
    faults: Annotated[bool, typer.Option("--faults", help="add the cases of broken connections and servers")] = False,
    acl: Annotated[bool, typer.Option("--acl", help="let it connect with the rights of `acl` only")] = False,
    trust_script: Annotated[
        bool, typer.Option("--trust-script", help="let --lua run with all rights where no limited user can be made")
    ] = False,
    reading: Annotated[
        str,
        typer.Option(
            "--reading", metavar="NAME", help="literal, intent, continuous, decided, steady, auto, or D1=..,D4=.."
        ),
    ] = "intent",
    layout: LayoutFile = None,
    rule: Annotated[list[str] | None, typer.Option("--rule", metavar="GLOB", help="only these rules")] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="where the fresh names come from")] = None,
    json_file: JsonFile = None,
    junit: JunitFile = None,
    html: HtmlFile = None,
    markdown: MarkdownFile = None,
    badge: Annotated[Path | None, typer.Option("--badge", metavar="FILE", help="write an SVG badge")] = None,
    expect_fail: ExpectFile = None,
    write_expect: Annotated[
        Path | None, typer.Option("--write-expect", metavar="FILE", help="write this run's failures as expected ones")
    ] = None,
    capsules: Annotated[
        Path | None, typer.Option("--capsules", metavar="DIR", help="write a capsule for each failure")
    ] = None,
    tcp: Annotated[bool, typer.Option("--tcp", help="give the adapter a loopback address")] = False,
    deadline: Annotated[
        str | None, typer.Option("--deadline", metavar="LIST", help="hello=S,op=S,bye=S, in seconds")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("-n", metavar="WORKERS", min=0, help="judge in so many processes; default: one for each core"),
    ] = None,
    all_cores: Annotated[
        bool, typer.Option("--all-cores", help="let server and implementation spread over all cores")
    ] = False,
    list_cases: Annotated[bool, typer.Option("--list", help="list the cases that would run, and run none")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="print each rule and each failure, not the mistakes alone")
    ] = False,
    raw: Annotated[bool, typer.Option("--raw", help="show ids as they were on the wire, not as n1, s1, T1")] = False,
    lang: Lang = "en",
) -> None:
    """Judge an implementation and print a verdict for each rule; or the mistakes, where rules are broken.

    Without --lua and --adapter the reference itself is judged, on the embedded server. A script is judged by
    the rules of profile L, an adapter by those of profile S. Failed checks are held against those of known mistakes:
    each mistake is said with the rules that it breaks, how to mend it, and the scene that shows it best, with the
    commands on the wire, the broken one marked. --all prints every rule, and every failure with its evidence.
    Sessions, turns, nodes and pools have fresh names in every run, made from the printed --seed.

    With --reading auto the choices D1..D4 are found out from behaviour alone, and then held against it.
    With --faults every command of a finalize is broken once by every fault (the connection cut before it, after it and
    within its reply; error replies; a flushed script cache), and what follows is judged (rules TA-FAULT-*). With
    --acl the implementation connects as a user with the rights that `turnaffinity acl` prints, and no more.

    With --beside two versions serve the same sessions, as during an upgrade: each request goes to one of them, drawn
    from the seed. What holds whatever the mix is judged; what depends on D1 to D4 is unobservable.

    A script on a server that is not ours runs as a user with those rights too, made for the run and deleted after it.
    Where none can be made, and on `fake`, which runs scripts inside this process, it is refused without --trust-script.

    The cases are shared out among processes, each with a server and an implementation of its own: one for each core,
    at most four, unless -n says how many. Judge, server and implementation take turns, and so keep to one core (each
    process of -n to its own), which is several times faster; --all-cores lets the implementation use the others, too.

    Files named by options are written only if a verdict was reached. Where $GITHUB_STEP_SUMMARY is set, the same as
    with --markdown is added to it.

    examples:
      turnaffinity verify
      turnaffinity verify --lua lua/select_node.lua
      turnaffinity verify --adapter conformance/implementations/python/run --reading auto
      turnaffinity verify --adapter ./run --rule 'TA-CLEAR-*' --json out.json
      turnaffinity verify --adapter ./run -n 1
      turnaffinity verify --adapter ./old --beside ./new
      turnaffinity verify --server redis://127.0.0.1:6379/9

    exit: 0 conforms   1 violates, or incomplete   2 bad usage or unreadable input
          3 the implementation or the server could not be run
    """
    from turnaffinity.cli.verifying import Wishes, verify_and_report

    verify_and_report(
        Wishes(
            lua=lua, adapter=adapter, beside=beside, server=server, faults=faults, acl=acl, trust_script=trust_script,
            reading=reading, layout=layout, rules=tuple(rule or ()), seed=seed, json_file=json_file, junit=junit,
            html=html, markdown=markdown, badge=badge, expect_fail=expect_fail, write_expect=write_expect,
            capsules=capsules, tcp=tcp,
            deadline=deadline, workers=workers, list_cases=list_cases, everything=everything, raw=raw, lang=lang,
            all_cores=all_cores,
        )
    )  # fmt: skip
