import contextlib
import math
import os
from pathlib import Path

import pytest

from study.problems import SpecError
from study.yaml_source import MAX_BYTES, parse_document, plain_scalar, read_document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("-1.5E+2", -150.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("007", 7),
        ("0x1F", 31),
        ("0o17", 15),
        ("-3", -3),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("1:30", "1:30"),
        ("2001-01-01", "2001-01-01"),
        ("1_000", "1_000"),
        ("1e", "1e"),
    ],
)
def test_scalars_follow_the_core_schema(text, value):
    assert plain_scalar(text) == value
    assert type(plain_scalar(text)) is type(value)


def test_infinity_and_nan_are_numbers():
    assert plain_scalar("-.inf") == -math.inf
    assert math.isnan(plain_scalar(".NaN"))
    assert plain_scalar("1e999") == math.inf


def test_quotes_make_texts():
    assert parse_document("a: ['1', \"true\", null, 'null']", "f").root.plain == {"a": ["1", "true", None, "null"]}


def test_every_value_and_key_knows_its_place():
    root = parse_document("a: 1\nb:\n  - {c: 2}\n", "f.yaml").root
    inner = root.value["b"].value[0]
    assert str(root.keys["b"]) == "f.yaml:2:1"
    assert str(inner.keys["c"]) == "f.yaml:3:6"
    assert str(inner.value["c"].mark) == "f.yaml:3:9"


def test_crlf_and_byte_order_mark_are_harmless(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes("\ufeffname: a\r\nb: ü\r\n".encode())
    document = read_document(path)
    assert document.root.plain == {"name": "a", "b": "ü"}
    assert not document.problems


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("a: 1\nb: 2\na: 3", "f:3:1: a", "'a' was already given in line 1"),
        ("b: {c: 1, c: 2}", "f:1:11: b.c", "already given in line 1"),
        ("5: 1", "f:1:1", "a key must be a text, but got 5"),
        ("true: 1", "f:1:1", "a key must be a text, but got true"),
        ("? [a]\n: 1", "f:1:3", "a key must be a text, but got a list or a mapping"),
        ("a: !!python/object:os.system x", "f:1:4: a", "no tag of its own"),
        ("a: !!str 5", "f:1:4: a", "no tag of its own"),
        ("a: 99999999999999999999", "f:1:4: a", "at most 64 bits"),
        ("a: " + "9" * 6000, "f:1:4: a", "at most 64 bits"),
    ],
)
def test_readable_faults_are_collected(text, place, message):
    (problem,) = parse_document(text, "f").problems
    assert str(problem).startswith(f"{place}: ")
    assert message in problem.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f: must hold a study, but is empty"),
        (" \n# nothing\n", "is empty"),
        ("a: {[", r"f:1:6: must be YAML, but is not"),
        ("a:\n\tb: 1", r"f:2:1: .*indent with spaces, not with tabs"),
        ("a: 1\n---\nb: 2", r"f:2:1: .*there must be one document"),
        ("a: *b", r"f:1:4: .*undefined alias"),
        ('a: b\nc: "\x01"', r"f:2:5: .*character '\\x01' is not allowed"),
        ("a: &a [*a]", "does an alias hold itself"),
        ("a: " + "[" * 5000, "nested at most"),
        ("{a: " * 5000, "nested at most"),
        ("- " * 60, "nested at most"),
        ("a" * (MAX_BYTES + 1), "at most 32768 characters"),
    ],
)
def test_unreadable_texts_are_refused_with_their_place(text, message):
    with pytest.raises(SpecError, match=message):
        parse_document(text, "f")


def test_alias_bomb_is_refused_at_once():
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)]
    with pytest.raises(SpecError, match="at most 10000 values after its aliases are written out"):
        parse_document("\n".join(lines), "f")


def test_an_honest_alias_is_written_out():
    assert parse_document("a: &a [1, 2]\nb: *a", "f").root.plain == {"a": [1, 2], "b": [1, 2]}


def test_large_documents_are_read_or_refused_within_a_second():
    for text in ("a: [" + "1, " * 10_000 + "]", "\n".join(f"k{i}: [1, 2.5, x]" for i in range(1500))):
        with contextlib.suppress(SpecError):
            parse_document(text, "f")


def test_files_that_are_no_texts_are_refused(tmp_path):
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "large.yaml").write_bytes(b"a" * (MAX_BYTES + 1))
    os.mkfifo(tmp_path / "pipe.yaml")
    for name, message in [
        ("binary.yaml", "must be UTF-8 text"),
        ("large.yaml", "at most 32768 bytes"),
        ("pipe.yaml", "a device or a pipe"),
        (".", "is a directory"),
        ("binray.yaml", r"no such file; did you mean '.*binary.yaml'"),
        ("x" * 5000, "must be readable, but is not: File name too long"),
    ]:
        with pytest.raises(SpecError, match=message):
            read_document(tmp_path / name)


def test_unreadable_file_is_refused(tmp_path, monkeypatch):
    def refuse(*_args, **_keywords):
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "a.yaml"
    path.write_text("a: 1")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SpecError, match=r"a\.yaml: must be readable, but is not: Permission denied"):
        read_document(path)
