"""`weighbridge bill --on` where prompts and answers are kept, and vocabularies are at hand."""

import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec
import pytest
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from tests.cli.conftest import Shell
from tests.cli.test_bill import DAY, answered, document, ledger
from weighbridge.db import microseconds
from weighbridge.texts.sealing import Seals
from weighbridge.texts.store import TextStore
from weighbridge.texts.text import Text
from weighbridge.wire.usage import Usage

PROMPT: Final = "four words are here"
ENTRIES: Final = [answered(n, "openai/gpt-4o", Usage(100, 10)) for n in range(1, 5)]
ON: Final = ("--on", "deepseek-v3", "--provider", "deepseek", "--text", "english")


def vocabulary(file: Path, pattern: str) -> None:
    """A tokenizer that makes one token of each piece that matches."""
    tokenizer = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(file))


def keep(shell: Shell, *receipts: str) -> None:
    """Texts of those receipts: four words and 19 letters asked, one word and 2 letters answered."""
    with closing(TextStore(shell.home / "texts.db")) as store:
        for receipt in receipts:
            request = {"messages": [{"role": "user", "content": PROMPT}]}
            answer = {"choices": [{"message": {"content": "ok"}}]}
            text = Text(
                receipt,
                DAY,
                "key-1",
                "chat",
                "openai/gpt-4o",
                msgspec.json.encode(request),
                msgspec.json.encode(answer),
            )
            store.keep([Seals().closed(text, microseconds(DAY + timedelta(days=900)))])


@pytest.fixture
def kept(shell: Shell) -> Shell:
    ledger(shell, ENTRIES)
    keep(shell, ENTRIES[0].id, ENTRIES[1].id)
    return shell


def test_kept_texts_are_counted_by_both_tokenizers_and_the_others_by_the_ratio(kept: Shell) -> None:
    (before,) = document(kept, *ON)["on"]
    vocabulary(kept.home / "tokenizers" / "deepseek.json", r"\S")
    vocabulary(kept.home / "tokenizers" / "openai--gpt-4o.json", r"\S+")
    (on,) = document(kept, *ON)["on"]
    assert (on["requests"], on["recorded"]) == (before["requests"], before["recorded"]) == (4, "0.0014")
    # two by the ratio; two with 16 letters for 4 words of the prompt's 100 tokens, and 2 for 1 of the answer's 10
    two = 2 * (400 * 0.14 + 20 * 0.28) / 1e6
    assert float(on["there"]) == pytest.approx(float(before["there"]) / 2 + two, abs=1e-12)
    assert "openai/gpt-4o: 2 requests counted from their texts, which were kept." in on["assumptions"]
    assert any("in 2 requests: measured" in each for each in on["assumptions"])


def test_the_other_vocabulary_alone_counts_against_the_record(kept: Shell) -> None:
    vocabulary(kept.home / "tokenizers" / "deepseek--deepseek-chat.json", r"\S")
    (on,) = document(kept, *ON)["on"]
    (before,) = document(ledger_without_texts(kept), *ON)["on"]
    two = 2 * (16 * 0.14 + 2 * 0.28) / 1e6
    assert float(on["there"]) == pytest.approx(float(before["there"]) / 2 + two, abs=1e-12)


def ledger_without_texts(shell: Shell) -> Shell:
    """The same, after the texts are gone."""
    for file in shell.home.glob("texts.db*"):
        file.unlink()
    return shell


def test_without_a_vocabulary_no_text_is_read(kept: Shell) -> None:
    (on,) = document(kept, *ON)["on"]
    assert not any("kept" in each for each in on["assumptions"])


def test_a_file_that_is_no_vocabulary_is_named(kept: Shell) -> None:
    folder = kept.home / "tokenizers"
    folder.mkdir()
    (folder / "deepseek.json").write_text("{}")
    assert "deepseek.json is no vocabulary" in kept.fails(1, ["bill", "--month", "2025-01", *ON])


def test_without_the_package_it_is_said_how_to_get_it(kept: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    vocabulary(kept.home / "tokenizers" / "deepseek.json", r"\S")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    assert "pip install 'weighbridge[tokenizers]'" in kept.fails(1, ["bill", "--month", "2025-01", *ON])
