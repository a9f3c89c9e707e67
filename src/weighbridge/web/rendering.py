"""Templates: one Jinja environment for each language, all text escaped."""

from collections.abc import Mapping
from functools import cache
from types import CodeType

from jinja2 import BytecodeCache, Environment, PackageLoader, StrictUndefined, Template, TemplateNotFound
from jinja2.bccache import Bucket

from weighbridge.web.tongue import Tongue, tongues


def rendered(code: str, template: str, what: Mapping[str, object], part: str | None = None) -> str:
    """A page in a language; `c` are the macros of components.html.

    `part` is a block of it, which stands alone then; or several, with spaces between, each in a `<div data-part>` of
    its name. Raises TemplateNotFound where there is no such template or block.
    """
    made = environment(code)
    found = made.get_template(template)
    known = {**what, "c": made.get_template("components.html").make_module(dict(what))}
    if part is None:
        return found.render(known)
    blocks = {name: _block(found, name, known) for name in part.split()}
    if len(blocks) == 1:
        return "".join(blocks.values())
    return "".join(f'<div data-part="{name}">{text}</div>' for name, text in blocks.items())


def _block(template: Template, name: str, known: Mapping[str, object]) -> str:
    if name not in template.blocks:
        raise TemplateNotFound(f"{template.name}#{name}")
    return "".join(template.blocks[name](template.new_context(dict(known))))


@cache
def environment(code: str) -> Environment:
    """The templates in a language; `tongue`, `tongues` and gettext's functions are there for all of them."""
    made = Environment(
        loader=PackageLoader("weighbridge.web"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        bytecode_cache=_compiled(),
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
    )
    made.policies["ext.i18n.trimmed"] = True
    _say(made, tongues()[code])
    return made


def prepare() -> None:
    """Compile all templates for each language, so that nobody waits for that: to be run in a thread at the start."""
    for code in tongues():
        made = environment(code)
        for name in made.list_templates(extensions=["html"]):
            made.get_template(name)


@cache
def _compiled() -> BytecodeCache:
    return _Compiled()


class _Compiled(BytecodeCache):
    """What templates were compiled to, which is the same in every language."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Called by Jinja."""
        bucket.code = self._known.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Called by Jinja."""
        if bucket.code is not None:
            self._known[bucket.key, bucket.checksum] = bucket.code


def _say(made: Environment, tongue: Tongue) -> None:
    install = made.install_gettext_callables  # type: ignore[attr-defined] # put there by the extension
    install(tongue.gettext, tongue.ngettext, newstyle=True, pgettext=tongue.pgettext, npgettext=tongue.npgettext)
    made.globals.update(tongue=tongue, tongues=tongues())
