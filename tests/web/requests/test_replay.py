"""The command that sends a request again, pasted into a real shell: it sends what was sent, and runs nothing else."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ledger.made_up import NOW, entry
from weighbridge.texts.text import Dialect, Text
from weighbridge.web.pages.requests.replay import replay

ORIGIN = "http://127.0.0.1:8080"
ECHO = """import json, sys
given = sys.argv[1:]
body = sys.stdin.read() if "--data-binary" in given else given[given.index("-d") + 1]
print(json.dumps({"given": given, "body": body}))
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a `curl` that says what it was given."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "echo.py").write_text(ECHO)
    curl = folder / "curl"
    curl.write_text(f'#!/bin/sh\nexec python3 {folder}/echo.py "$@"\n')
    curl.chmod(0o755)
    return folder


def pasted(shell: Path, command: str) -> dict[str, object]:
    done = subprocess.run(
        ["sh", "-c", command],
        env={"PATH": f"{shell}:/usr/local/bin:/usr/bin:/bin", "WEIGHBRIDGE_API_KEY": "wb-mine"},
        capture_output=True,
        check=True,
        text=True,
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def kept(request: bytes, dialect: Dialect = "chat", headers: Mapping[str, str] | None = None) -> Text:
    return Text("wbr-1", NOW, "key-1", dialect, "m", request, b"{}", headers=dict(headers or {}))


@pytest.mark.parametrize("dialect", get_args(Dialect))
def test_every_dialect_has_its_path(dialect: Dialect) -> None:
    made = replay(entry(), ORIGIN, kept(b'{"model": "m"}', dialect))
    assert made is not None
    assert made.is_whole
    assert made.command.startswith(f"curl {ORIGIN}/")


HOSTILE = (
    "it's; rm -rf ~ $(touch /tmp/x) `id` \\ \" \n --data-binary @/etc/passwd",
    "\u202emirrored\u202c \u2066x\u2069 \x1b[31m \u0000 \u007f \U000e0001",
    "'$WEIGHBRIDGE_API_KEY'",
    "WEIGHBRIDGE\nWEIGHBRIDGE_\n",
    "مرحبا 👋",
)


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("padding", [0, 70_000])
def test_a_shell_passes_on_what_was_sent_and_runs_nothing_of_it(shell: Path, hostile: str, padding: int) -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": hostile + "x" * padding}]}
    body = json.dumps(asked, ensure_ascii=False).encode()
    made = replay(entry(tags=("a b", "c'd")), ORIGIN, kept(body, headers={"x-title": "an 'app'"}))
    assert made is not None
    found = pasted(shell, made.command)
    given = found["given"]
    assert isinstance(given, list)
    assert isinstance(found["body"], str)
    assert json.loads(found["body"]) == asked
    assert "Authorization: Bearer wb-mine" in given
    assert "x-title: an 'app'" in given
    assert "x-weighbridge-tags: a b,c'd" in given
    assert all(each.isprintable() or each in "\n\r\t " for each in made.command)


@settings(max_examples=30, deadline=None)
@given(
    st.recursive(
        st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_document_is_the_same_when_it_is_written_with_escapes(document: object) -> None:
    made = replay(entry(), ORIGIN, kept(json.dumps(document, ensure_ascii=False).encode(errors="replace")))
    assert made is not None


def test_without_a_text_it_is_a_template_that_says_the_model() -> None:
    made = replay(entry(asked_model="lab/it's", streamed=True, tags=("ci", "own"), key_tags=("ci",)), ORIGIN)
    assert made is not None
    assert not made.is_whole
    assert '"stream": true' in made.command
    assert "lab/it" in made.command
    assert "x-weighbridge-tags: own" in made.command


def test_what_is_no_json_is_not_passed_for_the_request() -> None:
    made = replay(entry(), ORIGIN, kept(b"\xff\x00 not JSON"))
    assert made is not None
    assert not made.is_whole


@pytest.mark.parametrize("other", [{"corrects": "wbr-1"}, {"imported": "codex"}])
def test_what_was_no_request_of_ours_cannot_be_sent_again(other: dict[str, str]) -> None:
    assert replay(entry(**other), ORIGIN) is None
