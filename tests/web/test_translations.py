"""Whoever adds a message adds it in every language: `python -m tools.translations`."""

from io import BytesIO

import pytest
from babel.messages import Catalog
from babel.messages.pofile import read_po

from tools.translations import LANGUAGES, extracted, read, wrong

HEAD = (
    'msgid ""\nmsgstr ""\n"Language: ar\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    '"Plural-Forms: nplurals=6; plural=n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5;'
    '\\n"\n\n'
)


def test_every_message_has_its_translation_with_the_same_holes() -> None:
    now = extracted()
    assert len(now) > 100
    assert {path.name: wrong(read(path), now) for path in LANGUAGES.glob("*.po")} == {"ar.po": []}


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ("", "not translated: '%(shown)s of %(total)s'"),
        ('msgid "%(shown)s of %(total)s"\nmsgstr ""\n', "not translated: '%(shown)s of %(total)s'"),
        (
            'msgid "%(shown)s of %(total)s"\nmsgstr "%(shown)s من %(totl)s"\n',
            "has ['shown', 'totl'] where the English has ['shown', 'total']: '%(shown)s of %(total)s'",
        ),
        (
            'msgid "%(shown)s of %(total)s"\nmsgstr "من %(total)s"\n',
            "has ['total'] where the English has ['shown', 'total']: '%(shown)s of %(total)s'",
        ),
        (
            '#, fuzzy\nmsgid "%(shown)s of %(total)s"\nmsgstr "%(shown)s %(total)s"\n',
            "not sure: '%(shown)s of %(total)s'",
        ),
    ],
)
def test_a_translation_that_lacks_something_is_named(said: str, complaint: str) -> None:
    now = Catalog()
    now.add("%(shown)s of %(total)s")
    assert wrong(_catalog(said), now) == [complaint]


def test_a_plural_needs_every_form_and_may_leave_its_number_out() -> None:
    now = Catalog()
    now.add(("%(shown)s key", "%(shown)s keys"))
    head = 'msgid "%(shown)s key"\nmsgid_plural "%(shown)s keys"\n'
    forms = ["لا مفاتيح", "مفتاح واحد", "مفتاحان", "%(shown)s مفاتيح", "%(shown)s مفتاحًا", "%(shown)s مفتاح"]
    whole = head + "".join(f'msgstr[{place}] "{form}"\n' for place, form in enumerate(forms))
    assert wrong(_catalog(whole), now) == []
    assert wrong(_catalog(whole.replace(forms[2], "")), now) == ["not translated: '%(shown)s key'"]


def _catalog(entries: str) -> Catalog:
    return read_po(BytesIO((HEAD + entries).encode()))
