"""Writes src/weighbridge/switch/data/; with `--check` it compares, and fails where a file is out of date."""

import sys
from pathlib import Path

from tools.switch_sample import files

FOLDER = Path(__file__).parents[2] / "src" / "weighbridge" / "switch" / "data"


def main() -> None:
    """Write the files, or say which are out of date and exit with 1."""
    stale = {name: text for name, text in files().items() if not _is(FOLDER / name, text)}
    if "--check" in sys.argv[1:]:
        for name in stale:
            print(f"{name} is out of date: run `python -m tools.switch_sample` and commit it", file=sys.stderr)
        sys.exit(1 if stale else 0)
    FOLDER.mkdir(exist_ok=True)
    for name, text in stale.items():
        (FOLDER / name).write_bytes(text)


def _is(file: Path, text: bytes) -> bool:
    return file.exists() and file.read_bytes() == text


if __name__ == "__main__":
    main()
