"""Brings the window's messages into src/weighbridge/web/languages/*.po, and says what is not translated yet.

`python -m tools.translations` adds the messages that the pages have by now and sets those aside that none has any more;
`--from FILE.po` takes translations from a file first, `--prune` forgets those set aside. `--check` only says what is
missing, and fails where anything is; `--of requests` looks at messages of files with this in their path alone.
"""

import fcntl
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog
from babel.messages.catalog import Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

SOURCE = Path(__file__).parents[1] / "src" / "weighbridge"
LANGUAGES = SOURCE / "web" / "languages"
_TEMPLATES = "web/templates/**.html"
_METHODS = [("web/**.py", "python"), ("app/**.py", "python"), (_TEMPLATES, "jinja2.ext.babel_extract")]
_OPTIONS = {_TEMPLATES: {"newstyle_gettext": "true", "trimmed": "true", "silent": "false"}}
_KEYWORDS = {**DEFAULT_KEYWORDS, "say": None}
"""`say` is what many a page calls its gettext."""
_HOLE = re.compile(r"%\((\w+)\)s")

Key = tuple[str | None, str]
"""A message's context, and its English (the singular)."""


def main() -> None:
    """Write the files, or say what they lack and exit with 1."""
    now = extracted(_option("--of") or "")
    files = sorted(LANGUAGES.glob("*.po"))
    if "--check" in sys.argv[1:]:
        found = [f"{path.name}: {each}" for path in files for each in wrong(read(path), now)]
        print("\n".join(found), file=sys.stderr)
        sys.exit(1 if found else 0)
    with (Path(tempfile.gettempdir()) / "weighbridge-translations.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for path in files:
            _renew(path, extracted())
    for path in files:
        print(f"{path.name}: {len(wrong(read(path), now))} of {len(now)} messages wait for their translation")


def extracted(of: str = "") -> Catalog:
    """All messages of the window, and of what it shows of others, or those of files with `of` in their path."""
    made = Catalog()
    for name, _, message, _, context in extract_from_dir(SOURCE, _METHODS, _OPTIONS, _KEYWORDS):
        if of in name:
            made.add(message, None, [(name, 0)], context=context)
    return made


def _option(name: str) -> str | None:
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv[1:-1] else None


def read(path: Path) -> Catalog:
    """A language's file."""
    return read_po(BytesIO(path.read_bytes()))


def wrong(language: Catalog, now: Catalog) -> list[str]:
    """What there is in English and not in a language, and translations whose holes are others than the English has."""
    known = _known(language)
    return [text for key, message in _messages(now) for text in _wrong(message, known.get(key), language.num_plurals)]


def _wrong(message: Message, own: Message | None, forms: int) -> Iterator[str]:
    said, english = _said(own), _forms(message.id)
    if len(said) != (forms if len(english) > 1 else 1) or not all(said):
        yield f"not translated: {english[0]!r}"
        return
    if own is not None and own.fuzzy:
        yield f"not sure: {english[0]!r}"
    told = {hole for each in english for hole in _HOLE.findall(each)}
    for each in said:
        has = set(_HOLE.findall(each))
        # a form for a number may leave the number out ("two requests"), and nothing may name a hole there is not
        if not has <= told or (len(english) == 1 and has != told):
            yield f"has {sorted(has)} where the English has {sorted(told)}: {english[0]!r}"


def _renew(path: Path, now: Catalog) -> None:
    language, known = read(path), _known(read(path))
    brought = _option("--from")
    if brought is not None:
        known |= {key: own for key, own in _known(read(Path(brought))).items() if any(_said(own))}
    fresh = Catalog(locale=language.locale)
    for key, message in _messages(now):
        own = known.pop(key, None)
        places = [(name, 0) for name in sorted({name for name, _ in message.locations})]
        fits = own is not None and isinstance(own.id, str) == isinstance(message.id, str)
        fresh.add(message.id, own.string if own is not None and fits else None, places, context=message.context)
    if "--prune" not in sys.argv[1:]:
        fresh.obsolete.update({f"{key}": own for key, own in known.items() if any(_said(own))})
    body = BytesIO()
    write_po(body, fresh, width=0, omit_header=True, sort_output=True, include_lineno=False)
    header = path.read_bytes().partition(b"\n\n")[0]
    written = header + b"\n\n" + body.getvalue().strip() + b"\n"
    if written != path.read_bytes():
        path.write_bytes(written)


def _messages(catalog: Catalog) -> Iterator[tuple[Key, Message]]:
    return (((message.context, _forms(message.id)[0]), message) for message in catalog if message.id)


def _known(catalog: Catalog) -> dict[Key, Message]:
    aside = {(message.context, _forms(message.id)[0]): message for message in catalog.obsolete.values()}
    return aside | dict(_messages(catalog))


def _said(message: Message | None) -> tuple[str, ...]:
    return () if message is None or message.string is None else _forms(message.string)


def _forms(text: str | Sequence[str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


if __name__ == "__main__":
    main()
