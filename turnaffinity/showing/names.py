"""What is a made-up id called where a person reads it? n1, s1, T1, J1, in the order seen; the raw names are kept."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Iterable, Iterator
from itertools import count

from turnaffinity.contract.layout import KeyLayout
from turnaffinity.wire.command import Command
from turnaffinity.wire.meaning import keys_of, script_call

UUID = re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")

LETTERS = {"node": "n", "session": "s", "turn": "T", "job": "J"}
"""What the short names of a kind begin with."""

LONGEST_PLAIN = 8
"""An id of so many characters is short already, and keeps its own name."""

PLAIN_LANGUAGES = ("zh", "en", "ja", "ko", "yue", "fr", "de", "es", "ru", "ar")
"""A pair of these keeps its name; another gets one of these, so that nobody has to know what hr-Hant is."""

JUDGES = {"node": "node", "n": "node", "host": "node", "s": "session", "job": "job", "j": "job"}
"""What the judge's own names begin with; one of another beginning is shown without its token."""


class Names:
    """Short names for ids that somebody made up, the same for as long as the object lives.

    Ids become known by being named (`turn`, `job`, `node`, `session`) or seen in a key (`learn`); `token` is what the
    judge's own names carry (`turnaffinity.server.token` of the run's seed), so that it is known wherever it stands.
    With `languages` False a language keeps its name, made up or not.
    """

    def __init__(self, layout: KeyLayout | None = None, token: str = "", *, languages: bool = True) -> None:
        self._layout = layout or KeyLayout()
        self._plain_languages = languages
        self._short: dict[str, str] = {}
        self._own: set[str] = set()
        """Ids that are short themselves: no other id is given such a name."""
        self._known: re.Pattern[str] | None = None
        self._languages: dict[str, str] = {}
        self._of_the_judge = _judges_names(token) if token else None

    def turn(self, turn_id: str) -> str:
        """The short name of a turn id; an id that is short already keeps its own."""
        return self._named(turn_id, "turn")

    def job(self, job_id: str) -> str:
        """The short name of a job id."""
        return self._named(job_id, "job")

    def node(self, node_id: str) -> str:
        """The short name of a node id."""
        return self._named(node_id, "node")

    def session(self, session_id: str) -> str:
        """The short name of a session id."""
        return self._named(session_id, "session")

    def pair(self, pair: str) -> str:
        """The name of a language pair in plain languages; from here on it is known wherever it stands."""
        if pair not in self._short:
            parts = [self.language(part) for part in pair.split(":")]
            self._short[pair] = ":".join(parts)
            self._known = None
        return self._short[pair]

    def language(self, language: str) -> str:
        """A plain language in place of one that a case made up; one that is plain keeps its name."""
        if language in PLAIN_LANGUAGES or not self._plain_languages:
            return self._languages.setdefault(language, language)
        if language not in self._languages:
            free = (plain for plain in PLAIN_LANGUAGES if plain not in self._languages.values())
            self._languages[language] = next(free, language)
        return self._languages[language]

    def learn(self, commands: Iterable[Command]) -> None:
        """Know the ids in the keys that these commands name, and in the arguments of a selection's script."""
        found = [each for command in commands for each in self._ids_of(command)]
        # the short ones first, which keep their names
        for made_up, kind in sorted(found, key=lambda each: len(each[0]) > LONGEST_PLAIN):
            self._named(made_up, kind)

    def learn_key(self, key: str) -> None:
        """Know the id in a key of the layout's."""
        for made_up, kind in self._ids_in(key):
            self._named(made_up, kind)

    def _ids_of(self, command: Command) -> Iterator[tuple[str, str]]:
        call = script_call(command)
        if call is not None and not call.keys and len(call.args) >= 3 and ":" in call.args[0]:
            yield call.args[1], "job"
            yield call.args[2], "turn"
        for key in keys_of(command):
            yield from self._ids_in(key)

    def _ids_in(self, key: str) -> Iterator[tuple[str, str]]:
        for kind in ("turn", "session", "job", "node_pools", "node"):
            match = self._layout.patterns[kind].fullmatch(key)
            if match:
                whose = kind.removesuffix("_pools")
                yield match[f"{whose}_id"], whose
                return

    def _named(self, made_up: str, kind: str) -> str:
        if len(made_up) <= LONGEST_PLAIN:
            self._own.add(made_up)
        elif made_up not in self._short:
            self._short[made_up] = self._next(LETTERS[kind])
            self._known = None
        return self._short.get(made_up, made_up)

    def _next(self, letter: str) -> str:
        taken = self._own.union(self._short.values())
        return next(name for number in count(1) if (name := f"{letter}{number}") not in taken)

    def apply(self, text: str) -> str:
        """The text with every known id replaced; a UUID that nobody named becomes a turn's."""
        if self._of_the_judge:
            text = self._of_the_judge.sub(self._without_token, text)
        if self._short:
            self._known = self._known or _any_of(self._short)
            text = self._known.sub(lambda match: self._short[match[0]], text)
        return UUID.sub(lambda match: self.turn(match[0]), text)

    def _without_token(self, match: re.Match[str]) -> str:
        kind = JUDGES.get(match[1])
        return self._named(match[0], kind) if kind else f"{match[1]}{match[2]}"

    @property
    def raw(self) -> dict[str, str]:
        """The raw names of what was shown: raw -> short."""
        return {raw: short for raw, short in self._short.items() if raw != short}


class RawNames(Names):
    """Every id under its own name: what `--raw` shows."""

    def pair(self, pair: str) -> str:
        """As it is."""
        return pair

    def language(self, language: str) -> str:
        """As it is."""
        return language

    def apply(self, text: str) -> str:
        """As it is."""
        return text

    def _named(self, made_up: str, kind: str) -> str:
        return made_up


def _judges_names(token: str) -> re.Pattern[str]:
    """The names that cases make up: "n3-<token>-<the case's>", or with a tail of odd signs."""
    tail = r"-[0-9a-f]{6}|\.[0-9A-F]{16}_Ends-Here\.(?:a-0|x_Y|Q\.z?|-_\.|0\.A)"
    return re.compile(rf"([A-Za-z]+)(\d+)-{re.escape(token)}(?:{tail})?")


def masked(text: str, token: str) -> str:
    """The text with every turn id, and every name that cases made up, as "#": whoever it is about."""
    return UUID.sub("#", _judges_names(token).sub("#", text))


def _any_of(names: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(names, key=len, reverse=True)
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, longest_first))})(?![\w-])")


class SeededIds:
    """UUIDs v4 that are the same in every run: callable as the flow's `new_turn_id` and `new_job_id`."""

    def __init__(self, seed: str) -> None:
        self._rng = random.Random(seed)

    def __call__(self) -> str:
        """The next id, 36 characters."""
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
