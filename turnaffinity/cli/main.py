"""How does a command line become a verb's call, and an exception an exit status?"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

import turnaffinity
from turnaffinity.catalogs import LANGUAGE_VARIABLE, LANGUAGES, preferred_language, said, told
from turnaffinity.cli.lost import lost_interrupts_sent_again
from turnaffinity.problem import Problem

VERBS: dict[str, str] = {
    "demo": "The whole flow narrated on a live server: finalizes, commands, keys.",
    "rules": "The contract, as a table or one rule in full.",
    "verify": "Judge an implementation, or the reference itself.",
    "replay": "Run one recorded failure again.",
    "explore": "Search exhaustively: decision matrix, smallest counterexamples.",
    "record": "Capture MONITOR traffic of a running system.",
    "audit": "Judge captured traffic.",
    "acl": "The rights that a scheduler needs, as a Redis ACL.",
    "plan": "How many servers for so many speakers, from what a turn costs.",
    "load": "Thousands of sessions, real faults: what was lost, counted.",
    "bench": "The speed table, as ratios measured in one run.",
    "mutants": "Which rule kills which deliberately wrong implementation.",
    "lab": "JupyterLab on the notebooks, with a live server behind them.",
    "init": "Write the smallest adapter to start from.",
    "clean": "Delete what a killed run left on a server that is not ours.",
}
"""Each verb with its line in the overview; the verb is `turnaffinity.cli.verbs.<verb>.<verb>`, imported when used."""

DEFECT_STATUS = 3
"""Exit status after an exception that nobody foresaw: no verdict was reached."""

INTERRUPTED_STATUS = 130
"""Exit status after Ctrl-C, as shells have it: 128 + SIGINT."""

HELP_OPTIONS: dict[str, Any] = {"help_option_names": ["-h", "--help"]}

UsageError: type[Exception] = typer.BadParameter.__mro__[2]
"""What typer raises for anything wrong with the arguments, wherever its version keeps the class."""


class ReaderLeft(Exception):
    """Whoever read our output closed the pipe; raised where typer would make an error of it."""


@contextmanager
def _pipe_watched() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        if _stdout_is_broken():
            raise ReaderLeft from error
        # an adapter's pipe or a server's socket: typer would leave with status 1, which is a verdict
        raise RuntimeError("a pipe to another process broke, and nobody dealt with it") from error
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # rich's own way of leaving, with status 1
            raise ReaderLeft from error
        raise


def _stdout_is_broken() -> bool:
    import select

    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))
    except (OSError, ValueError):
        return False


LABELS = (
    "[OPTIONS]", "[env var:", "; default:", "<list[str]>", "<path>", "<int range>", "<int>", "<str>", "<float>",
    "Usage:", "Arguments:", "Options:", "Verbs:", "Show this message and exit.", "[default:", "[required]",
    "Install completion for the current shell.",
    "Show completion for the current shell, to copy it or customize the installation.",
)  # fmt: skip
"""What click writes by itself, in English."""


def _labelled(text: str) -> str:
    """A help text with click's own words in the reader's language."""
    lang = preferred_language()
    for label in LABELS:
        text = text.replace(label, said(label, lang))
    return text


def _say_options(command: Any) -> None:
    """Put what a command says of its options and arguments into the reader's language."""
    for parameter in command.params:
        if text := getattr(parameter, "help", None):
            parameter.help = said(text, preferred_language())


class Manual(TyperCommand):
    """A verb whose help is its docstring exactly as it is written: examples keep their lines."""

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Write the docstring, line for line."""
        formatter.write_paragraph()
        for line in said(self.help or "", preferred_language()).splitlines():
            formatter.write(f"  {line}".rstrip() + "\n")

    def get_help(self, ctx: Any) -> str:
        """The manual, all of it in one language."""
        return _labelled(super().get_help(ctx))


class Verbs(TyperGroup):
    """The verbs, each imported only when it is called, so that the start stays fast."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The verbs that exist, in the overview's order."""
        return [verb for verb in VERBS if _exists(verb)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The verb's command, or None if there is no such verb; an error inside its module is raised."""
        if cmd_name not in VERBS or not _exists(cmd_name):
            return None
        verb = getattr(import_module(f"turnaffinity.cli.verbs.{cmd_name}"), cmd_name)
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(cmd_name, cls=Manual, context_settings=HELP_OPTIONS)(verb)
        command = typer.main.get_command(app)
        _say_options(command)
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the overview from `VERBS`, importing no verb."""
        with formatter.section("Verbs"):
            lang = preferred_language()
            formatter.write_dl([(verb, said(VERBS[verb], lang)) for verb in self.list_commands(ctx)])

    def format_help_text(self, ctx: Any, formatter: Any) -> None:
        """Write the overview's sentences, line for line."""
        Manual.format_help_text(self, ctx, formatter)  # type: ignore[arg-type]

    def get_help(self, ctx: Any) -> str:
        """The overview, all of it in one language."""
        _say_options(self)
        return _labelled(super().get_help(ctx))

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """As typer does; a reader that left while help was printed is no error."""
        with _pipe_watched():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: Any) -> Any:
        """As typer does; a reader that left while the verb ran is no error."""
        with _pipe_watched():
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result


def _exists(verb: str) -> bool:
    return find_spec(f"turnaffinity.cli.verbs.{verb}") is not None


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"turnaffinity {turnaffinity.__version__} (contract {turnaffinity.CONTRACT_VERSION})")
        raise typer.Exit


app = typer.Typer(cls=Verbs, rich_markup_mode=None, context_settings=HELP_OPTIONS)


@app.callback(invoke_without_command=True)
def _overview(
    ctx: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the versions, and exit.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an unforeseen error (or TURNAFFINITY_DEBUG=1).")
    ] = False,
) -> None:
    """The executable specification of turn affinity, and the kit that judges implementations of it.

    Exit status: 0 conforms; 1 violates, or incomplete; 2 bad usage or unreadable input;
    3 the implementation or the server could not be run. `turnaffinity VERB --help` is each verb's manual.
    With --lang zh, or TURNAFFINITY_LANG=zh, every verb speaks Chinese.
    """
    if debug:
        os.environ["TURNAFFINITY_DEBUG"] = "1"
    if ctx.invoked_subcommand is None:
        typer.echo(ctx.get_help())


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line (`sys.argv` unless `args` is given) and leave with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):  # a stream that tests put in its place
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    words = list(sys.argv[1:] if args is None else args)
    with _orderly_end(), lost_interrupts_sent_again(), _language_of(words):
        status = _status_of(words)
    sys.exit(status)


@contextmanager
def _language_of(words: list[str]) -> Iterator[None]:
    """Take `--lang LANGUAGE`, which every verb knows, out of the words; what runs meanwhile speaks it."""
    before = os.environ.get(LANGUAGE_VARIABLE)
    for at, word in enumerate(words):
        name, equals, value = word.partition("=")
        lang = value if equals else "".join(words[at + 1 : at + 2])
        if name == "--lang" and lang in LANGUAGES:
            os.environ[LANGUAGE_VARIABLE] = lang
            del words[at : at + (1 if equals else 2)]
            break
    else:
        os.environ[LANGUAGE_VARIABLE] = preferred_language()  # zh_CN.UTF-8 is zh
    try:
        yield
    finally:
        os.environ.pop(LANGUAGE_VARIABLE)
        if before is not None:
            os.environ[LANGUAGE_VARIABLE] = before


@contextmanager
def _orderly_end() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block by an exception; what handled them before does so again after it."""
    before: dict[int, Any] = {}
    with suppress(ValueError):  # not in the main thread: the caller keeps its own handling
        for ending in (signal.SIGTERM, signal.SIGHUP):
            before[ending] = signal.signal(ending, _leave_orderly)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave_orderly(number: int, _frame: object) -> None:
    sys.exit(128 + number)  # an exception, so that servers are closed and keys deleted on the way out


def _status_of(args: list[str]) -> int:
    try:
        command = typer.main.get_command(app)
        result = command.main(args=args, prog_name="turnaffinity", standalone_mode=False)
        if result == INTERRUPTED_STATUS:  # typer's newer versions turn Ctrl-C into this
            raise KeyboardInterrupt
        return result if isinstance(result, int) else 0
    except Problem as problem:
        _say(_in_their_language(problem))
        return problem.exit_status
    except (KeyboardInterrupt, typer.Abort):
        _say("interrupted")
        return INTERRUPTED_STATUS
    except ReaderLeft:
        # the interpreter flushes stdout once more at its end, and would complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except UsageError as error:
        _say(_usage_sentence(error))
        return 2
    except Exception as error:
        return _confess(error)


def _in_their_language(problem: Problem) -> str:
    """Where, what, and how to mend it, in the reader's language."""
    lang = preferred_language()
    if lang == "en":
        return str(problem)
    where, what, mend = (told(text, lang) for text in (problem.where, problem.what, problem.mend))
    return f"{where}：{what}\n  {said('mend', lang)}：{mend}"


def _usage_sentence(error: Any) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "turnaffinity"
    message = " ".join(error.format_message().split()).rstrip(".")
    lang = preferred_language()
    close = _meant(message)
    next_step = told(f"did you mean {close}?", lang) if close else f"{said('see', lang)} {path} --help"
    return f"{told(message, lang)}{'；' if lang == 'zh' else '; '}{next_step}"


def _meant(message: str) -> str:
    """The verb that an unknown one looks like."""
    from difflib import get_close_matches

    unknown = message.partition("No such command '")[2].rstrip("'")
    return "".join(get_close_matches(unknown, VERBS, n=1)) if unknown else ""


def _say(text: str) -> None:
    """One error on stderr; its first word is red on a terminal, unless NO_COLOR is set."""
    coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    label = "错误：" if preferred_language() == "zh" else "error:"
    space = "" if label.endswith("：") else " "
    print(f"\033[31m{label}\033[0m" if coloured else label, text, sep=space, file=sys.stderr)


def _confess(error: Exception) -> int:
    if os.environ.get("TURNAFFINITY_DEBUG"):
        import traceback

        traceback.print_exception(error)
    what = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    lang = preferred_language()
    defect = told(f"this is a defect of turnaffinity {turnaffinity.__version__}: {what}", lang)
    report = told("report it with the command line and the output of: TURNAFFINITY_DEBUG=1 turnaffinity ...", lang)
    _say(f"{defect}\n  {said('mend', lang)}{'：' if lang == 'zh' else ': '}{report}")
    return DEFECT_STATUS


if __name__ == "__main__":
    main()
