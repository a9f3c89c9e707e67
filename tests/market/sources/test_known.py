"""All sources: each is documented, and none takes another's file."""

from pathlib import Path

from weighbridge.market.sources.known import SOURCES, source_named

DOCUMENTED = (Path(__file__).parents[3] / "docs" / "market.md").read_text(encoding="utf-8")


def test_every_source_is_in_the_documentation() -> None:
    names = [source.about.name for source in SOURCES]
    for name in names:
        written = f"`{name}`" if not name.startswith("tracked-models-") else f"`…{name.removeprefix('tracked-models')}`"
        assert written in DOCUMENTED, name
        assert source_named(name).about.name == name


def test_every_source_has_an_attribution_line_with_its_day() -> None:
    for source in SOURCES:
        assert source.about.line.startswith("Source: ")
        assert "{as_of}" in source.about.line
        assert source.about.licence


def test_a_file_of_nobody_is_taken_by_none(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    for content in (b"", b"\0\1\2", b"{}", b"[]", b"a,b\n1,2\n", b"PAR"):
        path.write_bytes(content)
        assert [source.about.name for source in SOURCES if source.recognise(path)] == []
