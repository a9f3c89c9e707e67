"""The code blocks of README.md and docs/ do what they say, on the real model; and the reader of blocks reads right."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import live
from tools.examples import Example, Gateway, Step, alike, examples, read, run

PAGE = """\
```console
$ echo one \\
  two
one two
$ true
```

<!-- not run: it needs a screen -->
```bash
xdg-open .
```

```python
print(1)
```

<!-- prints -->
```text
1
```

<!-- not run: it needs a key of yours -->
```console
$ true
```
"""
HERE = Gateway("http://127.0.0.1:1234", "wb-secret", Path("/nonexistent"))


@pytest.fixture(scope="module")
def gateway(model_files: tuple[Path, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway on the real model, which has answered once: the pages are written for such a reader."""
    weighbridge = Path(sys.executable).with_name("weighbridge")
    home = tmp_path_factory.mktemp("home")
    (home / "models").mkdir()
    for file in model_files:
        (home / "models" / file.name).symlink_to(file)
    (home / "weighbridge.toml").write_text("[local]\nthreads = 1\n")
    with live.gateway([weighbridge, "up", "--port", "0"], home, window=True) as (address, key):
        subprocess.run(
            [weighbridge, "chat", "--max-tokens", "8", "Say hello"], env=live.environment(home), check=True, timeout=100
        )
        yield Gateway(address, key, home)


@pytest.mark.model
@pytest.mark.parametrize("example", [each for each in examples() if not each.excuse], ids=lambda each: each.place)
def test_example_does_what_it_says(example: Example, gateway: Gateway, tmp_path: Path) -> None:
    run(example, gateway, tmp_path)


def test_blocks_are_read_with_their_commands_outputs_and_excuses() -> None:
    assert list(read(PAGE, "page.md")) == [
        Example("page.md:1", (Step("bash", "echo one \\\n  two\n", "one two\n"), Step("bash", "true\n", None))),
        Example("page.md:9", (Step("bash", "xdg-open .\n", None),), "it needs a screen"),
        Example("page.md:13", (Step("python", "print(1)\n", "1\n"),)),
        Example("page.md:23", (Step("bash", "true\n", None),), "it needs a key of yours"),
    ]


def test_address_and_key_of_the_page_stand_for_those_at_hand(tmp_path: Path) -> None:
    code = 'echo http://127.0.0.1:8080/v1 "wb-…"\n'
    run(Example("page.md:1", (Step("bash", code, "http://127.0.0.1:1234/v1 wb-secret\n"),)), HERE, tmp_path)


@pytest.mark.parametrize(
    ("code", "output"), [("false\n", None), ("echo two\n", "one\n")], ids=["it fails", "it prints something else"]
)
def test_example_is_wrong_when(code: str, output: str | None, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:1"):
        run(Example("page.md:1", (Step("bash", code, output),)), HERE, tmp_path)


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        ("a … c\n", "a b c\n", True),
        ("a … c", "a\nb\nc", False),
        ("…", "", True),
        ("a.c", "abc", False),
        ("{…}\n", '{\n  "a": 1\n}\n', True),
    ],
)
def test_ellipsis_stands_for_any_text(expected: str, printed: str, same: bool) -> None:
    assert alike(expected, printed) is same
