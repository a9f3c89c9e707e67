"""Templates, and the parts that pages are made of: what stands in them is text, whatever it is."""

from datetime import UTC, datetime

import pytest
from jinja2 import DictLoader, TemplateNotFound

from weighbridge.web import rendering
from weighbridge.web.tongue import tongues

HOSTILE = "</bdi><script>alert('\u202e')</script>\" onload=x"
NOW = datetime(2026, 11, 23, 3, 40, tzinfo=UTC)
MACROS = [
    "c.name(x)",
    "c.foreign(x)",
    "c.badge(x, 'good')",
    "c.notice('bad', x, title=x)",
    "c.empty(x, x, ['/', x])",
    "c.heading(x, x, ['/', x])",
    "c.tabs([['/', x, true, 3]], x)",
    "c.figure_card(x, x, x, 'warn')",
    "c.meter(3, 4, x)",
    "c.fact(x, x)",
    "c.event(x, x, 'bad', x)",
    "c.code(x, x)",
    "c.field(x, x, x, x, x, unit=x, more={'placeholder': x})",
    "c.area(x, x, x, x, x)",
    "c.select(x, x, [[x, x], x], x, x, x)",
    "c.check(x, x, true, x, x)",
    "c.radios(x, x, [[x, x, x]], x, x, x)",
    "c.problems({x: x})",
    "c.post(x, x, 'danger', {x: x})",
    "c.confirm(x, x, x, x)",
    "c.link(x, x, 'plain', 'plus')",
    "c.pager(x, x)",
    "c.steps([{'title': x, 'text': x, 'code': x, 'action': [x, x]}])",
]


def shown(template: str, code: str = "en", **what: object) -> str:
    """A template of a line, as a page would have it."""
    made = rendering.environment(code)
    known = {"visit": None, "csrf": "", **what}
    known["c"] = made.get_template("components.html").make_module(known)
    return made.from_string(template).render(known)


@pytest.mark.parametrize("macro", MACROS)
def test_text_of_others_is_text_in_every_part_of_a_page(macro: str) -> None:
    html = shown("{{ " + macro + " }}", x=HOSTILE)
    assert "<script" not in html
    assert '" onload' not in html


@pytest.mark.parametrize("macro", ["table", "panel", "figures", "facts", "timeline", "columns", "search", "notice"])
def test_text_of_others_is_text_in_what_is_put_around_it(macro: str) -> None:
    given = {"table": "[x, [x, 'n']], x", "panel": "x, x, ['/', x], x", "search": "x, x", "notice": "'bad', x"}
    html = shown("{% call c." + macro + "(" + given.get(macro, "") + ") %}{{ x }}{% endcall %}", x=HOSTILE)
    assert "<script" not in html
    assert '" onload' not in html


@pytest.mark.parametrize("code", tongues())
def test_what_is_not_known_is_said_so(code: str) -> None:
    for macro in ("number", "tokens", "money", "exact", "share", "span", "when", "moment", "day"):
        assert tongues()[code].unknown in shown("{{ c." + macro + "(none) }}", code)


def test_numbers_stand_in_the_digits_of_the_language_and_for_machines() -> None:
    assert shown("{{ c.number(1234) }}", "ar") == '<data value="1234">١٬٢٣٤</data>'  # noqa: RUF001 # its digits
    assert shown("{{ c.day(at) }}", "en", at=NOW) == f'<time datetime="{NOW.isoformat()}">23 November 2026</time>'


def test_blocks_stand_alone_and_together(monkeypatch: pytest.MonkeyPatch) -> None:
    made = rendering.environment("en")
    blocks = "{% block one %}1{{ c.number(7) }}{% endblock %}{% block two %}2{% endblock %}"
    text = "{% extends 'base.html' %}{% block main %}" + blocks + "{% endblock %}"
    monkeypatch.setattr(made, "loader", DictLoader({"page": text, **_real()}))
    made.cache.clear()  # type: ignore[union-attr] # an environment of ours has one
    assert rendering.rendered("en", "page", {}, "one") == '1<data value="7">7</data>'
    assert (
        rendering.rendered("en", "page", {}, "two one")
        == '<div data-part="two">2</div><div data-part="one">1<data value="7">7</data></div>'
    )
    with pytest.raises(TemplateNotFound, match="page#three"):
        rendering.rendered("en", "page", {}, "three")


def _real() -> dict[str, str]:
    made = rendering.environment("ar")
    assert made.loader is not None
    return {name: made.loader.get_source(made, name)[0] for name in ("base.html", "components.html")}


def test_every_template_can_be_compiled_once_for_all_languages() -> None:
    rendering.prepare()
    code = {
        name: id(rendering.environment(name).get_template("base.html").root_render_func.__code__) for name in tongues()
    }
    assert len(set(code.values())) == 1
