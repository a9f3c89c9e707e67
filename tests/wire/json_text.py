"""Strategies for JSON as people and programs write it: odd whitespace, escaped letters, repeated names, deep nests."""

import msgspec
from hypothesis import strategies as st

NAMES = ("model", "messages", "stream", "stream_options", "tools", "x", "", 'a"model', "model\\", "Ümlaut", "\u2028")
TEXTS = ('"model":"x"', '{"model": "y"}', "model", '\\"model\\":', "[DONE]", "usage", "}]{[", "\\", '"', "\n", "🎈")

white = st.sampled_from((b"", b"", b" ", b"\n", b"\t\r\n  "))


def escaped(text: str) -> bytes:
    """As a JSON string with every letter as an escape."""
    units = text.encode("utf-16-be", "surrogatepass")
    pairs = [units[at : at + 2].hex() for at in range(0, len(units), 2)]
    return b'"' + b"".join(b"\\u" + pair.encode() for pair in pairs) + b'"'


def string(texts: st.SearchStrategy[str]) -> st.SearchStrategy[bytes]:
    """A JSON string, plain or in escapes."""
    return st.builds(lambda text, plain: msgspec.json.encode(text) if plain else escaped(text), texts, st.booleans())


scalar = st.one_of(
    st.sampled_from((b"null", b"true", b"false", b"0", b"-1.5e+3", b"12345678901234567890123")),
    string(st.one_of(st.sampled_from(TEXTS), st.text(st.characters(exclude_categories=["Cs"]), max_size=8))),
)


@st.composite
def array(draw: st.DrawFn, inner: st.SearchStrategy[bytes]) -> bytes:
    items = draw(st.lists(inner, max_size=3))
    return b"[" + b",".join(draw(white) + item + draw(white) for item in items) + b"]"


@st.composite
def pair(draw: st.DrawFn, name: st.SearchStrategy[bytes], inner: st.SearchStrategy[bytes]) -> bytes:
    return draw(white) + draw(name) + draw(white) + b":" + draw(white) + draw(inner) + draw(white)


def object_(inner: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    pairs = st.lists(pair(string(st.sampled_from(NAMES)), inner), max_size=4)
    return pairs.map(lambda each: b"{" + b",".join(each) + b"}")


value = st.recursive(scalar, lambda inner: array(inner) | object_(inner), max_leaves=8)
