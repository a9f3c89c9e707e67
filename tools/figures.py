"""What docs/reference/figures.md says of each figure: definition, choices, other definitions, what must come out."""

from collections.abc import Callable, Iterable, Iterator

import msgspec

from weighbridge.market.recipes.recipe import Recipe, recipes

Write = Callable[[tuple[str, ...], Iterable[tuple[str, ...]]], str]
"""A table as text."""


def figures(table: Write) -> Iterator[str]:
    """The page's parts."""
    yield "Each is worked out by `weighbridge market figure NAME`, from files that `weighbridge market sync` took in."
    rows = ((f"[`{name}`](#{name})", each.title, _sources(each)) for name, each in recipes().items())
    yield table(("figure", "what it says", "from"), rows)
    for name, each in recipes().items():
        yield f"## {name}"
        yield from _figure(each, table)


def _figure(recipe: Recipe, table: Write) -> Iterator[str]:
    choices = {key: value for key, value in msgspec.to_builtins(recipe.choices).items() if value is not None}
    yield f"**{recipe.title}.** {recipe.definition.strip().format(**choices)}"
    yield f"Choices: {', '.join(f'`{key} = {value}`' for key, value in choices.items())}."
    if recipe.alternatives:
        yield f"Other definitions: {'; '.join(each.title for each in recipe.alternatives)}."
    if recipe.not_reproduced is not None:
        yield f"Not the published figure: {' '.join(recipe.not_reproduced.split())}"
    if recipe.nearest:
        near = ", ".join(f"[{each}](#{each})" for each in recipe.nearest)
        yield f"Where its sources are not here, nearest is {near}."
    if recipe.expected:
        yield table(("value", "must be", "changed", "as worked out by"), _expected(recipe))


def _expected(recipe: Recipe) -> Iterator[tuple[str, ...]]:
    for each in recipe.expected:
        within = f" ± {each.tolerance:g}" if each.tolerance else ""
        changed = ", ".join(f"{key} = {value}" for key, value in each.change.items())
        yield each.value, f"{each.equals:.10g}{within}", changed, each.source


def _sources(recipe: Recipe) -> str:
    return ", ".join(f"`{each}`" for each in recipe.sources)
