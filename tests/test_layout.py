"""Do the names of the keys say where they are wrong, and find their way back from a key?"""

import pytest

from turnaffinity.contract.layout import (
    PLACEHOLDERS,
    KeyLayout,
    LayoutError,
    affixes,
    load_layout,
    parse_layout,
)


def test_the_default_names_are_the_notes_and_the_fields():
    layout = KeyLayout()
    assert layout.turn_key("t1") == "scheduler:turn:t1"
    assert layout.session_key("s1") == "scheduler:session:s1"
    assert layout.node_key("n1") == "lingua:v1:node:n1"
    assert layout.node_pools_key("n1") == "lingua:v1:node:n1:pools"
    assert layout.pool_key("zh:en", 7) == "lingua:v1:pool:zh:en:7:nodes"
    assert layout.job_key("j1") == "lingua:v1:job:j1:node"
    assert (layout.affinity_field, layout.current_turn_field) == ("affinity_node_id", "current_turn_id")
    assert layout.pool_index_key("zh:en") is None


WRONG = {
    "a template lacks its placeholder": (
        {"pool": "pool:{pair}"},
        'layout.toml, pool: "pool:{pair}" lacks {pool_id}\n'
        '  mend: name it once, as in "lingua:v1:pool:{pair}:{pool_id}:nodes"',
    ),
    "a template repeats its placeholder": (
        {"turn": "t:{turn_id}:{turn_id}"},
        'layout.toml, turn: "t:{turn_id}:{turn_id}" repeats {turn_id}\n'
        '  mend: name it once, as in "scheduler:turn:{turn_id}"',
    ),
    "a template names what its key does not have": (
        {"turn": "t:{turn_id}:{node_id}"},
        'layout.toml, turn: "t:{turn_id}:{node_id}" names {node_id}, which this key does not have\n'
        "  mend: use {turn_id}, nothing else",
    ),
    "a brace is left open": (
        {"session": "s:{session_id"},
        "layout.toml, session: \"s:{session_id\" is no template (expected '}' before end of string)\n"
        "  mend: write a literal brace as {{ or }}",
    ),
    "a placeholder carries a format": (
        {"session": "s:{session_id:>10}"},
        'layout.toml, session: "s:{session_id:>10}" formats {session_id}\n'
        "  mend: write the name alone between the braces",
    ),
    "a placeholder converts its value": (
        {"job": "j:{job_id!r}"},
        'layout.toml, job: "j:{job_id!r}" formats {job_id}\n  mend: write the name alone between the braces',
    ),
    "two placeholders touch": (
        {"pool": "pool:{pair}{pool_id}"},
        'layout.toml, pool: "pool:{pair}{pool_id}" has no text between its placeholders\n'
        '  mend: put a separator there, as in "lingua:v1:pool:{pair}:{pool_id}:nodes"',
    ),
    "a template is all placeholder": (
        {"turn": "{turn_id}"},
        'layout.toml, turn: "{turn_id}" has no text of its own\n'
        '  mend: write a prefix, as in "scheduler:turn:{turn_id}"',
    ),
    "a member is not known": (
        {"turns": "t:{turn_id}"},
        "layout.toml, turns: is no member of a layout\n  mend: use one of: turn, session, node, node_pools, pool, job, "
        "affinity_field, current_turn_field, job_ttl_s, pool_index, room_prefixes",
    ),
    "a template is a number": (
        {"turn": 7},
        "layout.toml, turn: Input should be a valid string\n  mend: give it a value like 'scheduler:turn:{turn_id}'",
    ),
    "a field has no name": (
        {"affinity_field": ""},
        "layout.toml, affinity_field: a field needs a name\n  mend: the empty text is none",
    ),
    "a field has an abolished name": (
        {"affinity_field": "timeout_node_id"},
        'layout.toml, affinity_field: "timeout_node_id" is one of the names that the note abolishes (TA-KEY-3)\n'
        "  mend: give it a value like 'affinity_node_id'",
    ),
    "a life is no life": (
        {"job_ttl_s": 0},
        "layout.toml, job_ttl_s: Input should be greater than 0\n  mend: give it a value like 3600",
    ),
    "two kinds of key share one name": (
        {"turn": "k:{turn_id}", "session": "k:{session_id}"},
        "layout.toml, session: gives the same keys as turn\n  mend: give each kind of key a name of its own",
    ),
}


@pytest.mark.parametrize(("members", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_layout_names_the_member_and_how_to_mend_it(members, said):
    with pytest.raises(LayoutError) as caught:
        parse_layout(members, source="layout.toml")
    assert str(caught.value) == said
    assert caught.value.exit_status == 2
    assert caught.value.where == f"layout.toml, {list(members)[-1]}"


@pytest.mark.parametrize(
    ("content", "what"),
    [(b'turn = "a', "is not a TOML file"), (b"\xff\xfe", "is not UTF-8 text"), (None, "No such file or directory")],
    ids=["cut", "binary", "missing"],
)
def test_a_layout_file_that_cannot_be_read_is_named(tmp_path, content, what):
    path = tmp_path / "layout.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LayoutError) as caught:
        load_layout(path)
    assert caught.value.where == str(path)
    assert what in caught.value.what


def test_a_layout_file_changes_what_it_names_and_nothing_else(tmp_path):
    path = tmp_path / "layout.toml"
    path.write_text('turn = "acme:{turn_id}:turn"\nroom_prefixes = ["acme:room:"]\n', encoding="utf-8")
    layout = load_layout(path)
    assert layout == KeyLayout(turn="acme:{turn_id}:turn", room_prefixes=("acme:room:",))
    assert layout.session == KeyLayout().session


def test_doubled_braces_are_literal_so_that_a_cluster_hash_tag_can_be_written():
    layout = parse_layout({"turn": "scheduler:turn:{{{turn_id}}}", "session": "{{sessions}}:{session_id}"})
    assert layout.turn_key("t1") == "scheduler:turn:{t1}"
    assert layout.turn_id_of("scheduler:turn:{t1}") == "t1"
    assert layout.session_key("s1") == "{sessions}:s1"
    assert layout.prefixes["turn"] == "scheduler:turn:{"
    assert layout.prefixes["session"] == "{sessions}:"
    assert affixes(layout.turn) == ("scheduler:turn:{", "}")


def test_an_id_with_braces_is_taken_as_it_is():
    layout = KeyLayout()
    assert layout.turn_key("{x}{{y}}") == "scheduler:turn:{x}{{y}}"
    assert layout.turn_id_of(layout.turn_key("{x}{{y}}")) == "{x}{{y}}"


def test_a_suffix_belongs_to_the_name_and_not_to_the_id():
    layout = parse_layout({"turn": "app:{turn_id}:turn"})
    assert affixes(layout.turn) == ("app:", ":turn")
    assert layout.turn_id_of("app:t1:turn") == "t1"
    assert layout.turn_id_of("app:t1") is None
    assert layout.turn_id_of("xapp:t1:turn") is None


def test_a_dot_in_a_template_stands_for_a_dot_only():
    assert parse_layout({"turn": "a.b:{turn_id}"}).turn_id_of("aXb:t1") is None


@pytest.mark.parametrize("odd", ["a\nb", "é", "a b", "a:b", "{", "."])
def test_ids_of_any_text_come_back_from_their_keys(odd):
    layout = KeyLayout()
    assert layout.turn_id_of(layout.turn_key(odd)) == odd
    assert layout.session_id_of(layout.session_key(odd)) == odd


def test_pair_and_pool_id_come_back_from_a_pool_key():
    match = KeyLayout().patterns["pool"].fullmatch("lingua:v1:pool:zh-CN:en:12:nodes")
    assert match is not None
    assert match.groupdict() == {"pair": "zh-CN:en", "pool_id": "12"}


def test_a_pool_index_is_named_per_pair_where_there_is_one():
    layout = parse_layout({"pool_index": "lingua:v1:pools:{pair}"})
    assert layout.pool_index_key("zh:en") == "lingua:v1:pools:zh:en"
    assert "pool_index" in layout.patterns
    assert "pool_index" not in KeyLayout().patterns
    with pytest.raises(LayoutError, match=r"lacks \{pair\}"):
        parse_layout({"pool_index": "pools"})


def test_every_template_of_the_default_has_exactly_its_placeholders():
    layout = KeyLayout()
    for member, names in PLACEHOLDERS.items():
        template = getattr(layout, member)
        if template is not None:
            assert len(affixes(template)) == len(names) + 1


def test_a_layout_survives_the_way_through_json():
    layout = parse_layout({"turn": "x:{turn_id}", "pool_index": "i:{pair}"})
    assert KeyLayout.model_validate_json(layout.model_dump_json()) == layout
