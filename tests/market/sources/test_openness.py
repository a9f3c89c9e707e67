"""Archives of YAML: read without unpacking, bounded, and safe to read."""

import gzip
import io
import tarfile
from datetime import date
from pathlib import Path

import pytest

from tests.market.conftest import real
from tests.market.sources.reading import counted, read
from weighbridge.market.tables import Alias, Model, Openness

SYSTEM = """# see https://osai-index.eu/contribute
system: {name: M, type: text, releasedate: 2025-05, endmodel license: MIT}
org: {name: Lab}
trainingcode: {class: partial, link: https://x, notes: some}
paper: {class: maybe}
"""
RELEASE = """framework: {name: 'Model Openness Framework', version: '1.0'}
release: {name: M, date: '2024-11-15', producer: Lab, huggingface: 'https://huggingface.co/lab/M', components: [
  {name: Datasets, license: unlicensed}, {name: 'Model card', description: x}, {description: nameless}]}
"""


def archive(path: Path, files: dict[str, str]) -> Path:
    with tarfile.open(path, "w:gz") as written:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(text.encode()), 1_780_000_000
            written.addfile(member, io.BytesIO(text.encode()))
    return path


def test_dimensions_are_in_the_indexs_own_words(tmp_path: Path) -> None:
    files = {".github/x.yml": "a: 1", "M.yaml": SYSTEM, "_pages.yml": "[1]", "notes.txt": "x", "N.yaml": "a: [1"}
    rows, findings = read(archive(tmp_path / "index.tar.gz", files), as_of=None)
    assert [row[:-1] for row in rows] == [
        ("M", "Lab", date(2025, 5, 1), None, None, None, None, "text", "osai-index"),
        ("M", "osai-index", "trainingcode", "partial", "https://x", "osai-index"),
    ]
    assert rows[0].as_of == date(2026, 5, 28)
    assert [(each.kind, each.subject) for each in findings] == [
        ("misspelt-key", "M.yaml"),
        ("imprecise-date", "M.yaml"),
        ("unreadable-row", "M.yaml"),
        ("unreadable-row", "N.yaml"),
    ]


def test_components_have_their_licences(tmp_path: Path) -> None:
    files = {"models/M-1.yml": RELEASE, "models/N.yml": "release: 1"}
    rows, findings = read(archive(tmp_path / "models.tar.gz", files))
    assert [(row.dimension, row.found) for row in rows if isinstance(row, Openness)] == [
        ("Datasets", "unlicensed"),
        ("Model card", "unstated"),
    ]
    assert [(row.model, row.other) for row in rows if isinstance(row, Alias)] == [("M-1", "lab/M")]
    assert [(row.model, row.organisation) for row in rows if isinstance(row, Model)] == [("M-1", "Lab")]
    assert [each.kind for each in findings] == ["unreadable-row", "changed-schema"]


def test_an_archive_that_is_cut_off_or_holds_too_large_a_file_is_found(tmp_path: Path) -> None:
    whole = archive(tmp_path / "a.tar.gz", {"M.yaml": SYSTEM, "large.yaml": "a: " + "x" * (1 << 20)})
    _, findings = read(whole)
    assert "over 1048576" in findings[-1].said
    cut = tmp_path / "b.tar.gz"
    cut.write_bytes(gzip.compress(gzip.decompress(whole.read_bytes())[:3000])[:-8])
    _, findings = read(cut)
    assert findings[-1].kind == "truncated-file"


def test_yaml_makes_no_objects(tmp_path: Path) -> None:
    text = "# osai-index.eu\nsystem: !!python/object/apply:os.getcwd []\n"
    rows, findings = read(archive(tmp_path / "a.tar.gz", {"M.yaml": text}))
    assert (rows, [each.kind for each in findings]) == ([], ["unreadable-row"])


@pytest.mark.parametrize(
    ("name", "rows", "findings"),
    [
        (
            "european_osai_index_yaml",
            {"model": 193, "openness": 2316},
            {"imprecise-date": 193, "misspelt-key": 4, "unknown-column": 1, "unreadable-row": 1},
        ),
        ("mot_models_yaml", {"model": 273, "openness": 1834, "alias": 168}, {}),
    ],
)
def test_the_real_archives(name: str, rows: dict[str, int], findings: dict[str, int]) -> None:
    assert counted(*read(real(f"market/openness/{name}.tar.gz"))) == (rows, findings)
