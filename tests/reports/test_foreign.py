"""Text of others."""

import pytest

from weighbridge.reports.foreign import visible


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("qwen/qwen3-8b", "qwen/qwen3-8b"),
        ("a\u202egpt", "a⟨U+202E⟩gpt"),
        ("\u2068x\u2069", "⟨U+2068⟩x⟨U+2069⟩"),
        ("bell\x07", "bell⟨U+0007⟩"),
        ("half\ud800", "half⟨U+D800⟩"),
        ("one\ntwo\tthree", "one\ntwo\tthree"),
        ("نموذج", "نموذج"),
    ],
)
def test_what_turns_or_breaks_text_is_written_out(said: str, shown: str) -> None:
    assert visible(said) == shown
