"""Folders of TOML files: what is read, and what an unreadable one says."""

import msgspec
import pytest

from weighbridge import data_files
from weighbridge.errors import MarketError


class Row(msgspec.Struct, forbid_unknown_fields=True):
    """What a file has here."""

    name: str


def test_a_folder_is_read_in_the_order_of_names() -> None:
    found = data_files.folder("weighbridge.reports", "languages")
    assert list(found) == sorted(found)
    assert {"ar", "en"} <= found.keys()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "row a: Invalid value"),
        ("name = 3", r"row a: Expected `str`.*name"),
        ("names = ''", "row a: .*names"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_its_key(text: str, said: str) -> None:
    with pytest.raises(MarketError, match=said):
        data_files.value("row a", data_files.table("row a", text, MarketError), Row, MarketError)


def test_a_table_is_a_value_of_its_kind() -> None:
    assert data_files.value("row a", data_files.table("row a", "name = 'b'", MarketError), Row, MarketError) == Row("b")
