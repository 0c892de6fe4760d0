"""Did the rules hold in real traffic? The verb `audit`."""

from __future__ import annotations

from typing import Annotated

import typer

from turnaffinity.cli.options import ExpectFile, HtmlFile, JsonFile, JunitFile, LayoutFile, MarkdownFile


def audit(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE|-...", help="recorded traffic; - is standard input", show_default=False),
    ] = None,
    reading: Annotated[
        str,
        typer.Option(
            "--reading", metavar="NAME", help="literal, intent, continuous, decided, steady, auto, or D1=..,D4=.."
        ),
    ] = "intent",
    layout: LayoutFile = None,
    json_file: JsonFile = None,
    html: HtmlFile = None,
    junit: JunitFile = None,
    markdown: MarkdownFile = None,
    expect_fail: ExpectFile = None,
    remember: Annotated[
        int, typer.Option("--remember", metavar="N", min=1, help="closed turns remembered (TA-TURN-3)")
    ] = 1_000_000,
    follow: Annotated[bool, typer.Option("--follow", help="judge a running system, live")] = False,
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="with --follow: the server")] = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", metavar="N", min=0, help="with --follow: end so")
    ] = None,
    metrics: Annotated[
        int | None,
        typer.Option("--metrics", metavar="PORT", help="with --follow: serve Prometheus metrics", min=0, max=65535),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="print each rule and each failure, not the mistakes alone")
    ] = False,
) -> None:
    """Judge recorded MONITOR traffic: which rules held, which broke, and at which line. Touches no system.

    Reads what `redis-cli monitor` or `turnaffinity record` wrote, of Redis, Valkey and Kvrocks: compressed with
    gzip, zstd, bzip2 or xz; in UTF-16, as PowerShell's > writes it; behind what docker, docker compose, kubectl,
    syslog or grep -n put before each line; with colours, or quotes that a word processor changed; as docker's
    JSON, RedisInsight's profiler or redis-py's Monitor.listen() show it. The report says what was left out.

    Several files are one system's primaries, taken in time order (a replica repeats what its primary was sent).
    Memory stays constant but for some 110 bytes a turn. What a trace cannot show is `unobservable`, and what it
    does not show whole is not judged: a trace may begin and end anywhere, and captures may be joined. Where grep
    left lines out, only what one line shows by itself is judged. Only connections seen writing, clearing or
    selecting are the scheduler's.

    With --follow a running server is judged, until Ctrl-C or --seconds.

    examples:
      redis-cli monitor | head -100000 | turnaffinity audit -
      docker compose logs redis | turnaffinity audit -
      turnaffinity audit traffic.log.zst --json out.json --html out.html
      turnaffinity audit --follow --url redis://127.0.0.1:6379/0 --metrics 9464

    exit: 0 conforms   1 a rule broken, or no whole turn seen   2 not readable as MONITOR traffic
          3 the server could not be followed
    """
    from turnaffinity.cli.auditing import Options, audit_and_report

    audit_and_report(
        Options(
            files=tuple(files or ()), reading=reading, layout=layout, json_file=json_file, html=html, junit=junit,
            markdown=markdown, expect_fail=expect_fail, remember=remember, follow=follow, url=url, seconds=seconds,
            metrics=metrics, everything=everything,
        )
    )  # fmt: skip
