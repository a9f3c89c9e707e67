"""A month on other models: their endpoints, who may ask them, and texts that were kept."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from weighbridge.app.policies import policies_of
from weighbridge.app.texts import seals_of
from weighbridge.app.unable import Unable
from weighbridge.app.vocabularies import Vocabularies
from weighbridge.catalog.model import Catalog, Endpoint, Model
from weighbridge.catalog.tokenizers import Tokenizers
from weighbridge.config import Settings
from weighbridge.db import Connection, microseconds
from weighbridge.ledger import store
from weighbridge.ledger.bill.book import Apart, Book
from weighbridge.ledger.bill.kept import measured, taken_out, tally_of
from weighbridge.ledger.bill.modelled import Seen
from weighbridge.ledger.bill.recount import Recount
from weighbridge.ledger.bill.tally import Dimension, Tally
from weighbridge.ledger.bill.targets import targets, traits, worth_counting
from weighbridge.routing.policy.law import Laws
from weighbridge.routing.policy.rules import Who
from weighbridge.texts.store import TextStore
from weighbridge.texts.text import Which
from weighbridge.texts.words import Words, words


class Recounting:
    """Comparisons over one ledger, with a catalogue's endpoints and prices and the settings' policy."""

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        book: Book,
        tokenizers: Tokenizers,
        kinds: Sequence[str],
        *,
        names: Mapping[str, str],
    ) -> None:
        """`names` are those of keys, by id; `kinds` those of the texts. Raises PolicyError."""
        self._settings = settings
        self._book = book
        self._tokenizers = tokenizers
        self._kinds = kinds
        self._catalog = catalog
        self._recorded = book.models()
        self._traits = {each: traits(each, self._catalog, tokenizers) for each in self._recorded}
        self._names = names
        policies = policies_of(settings)
        self._laws = None if policies is None else Laws(policies)

    def on(
        self, names: Iterable[str], by: tuple[Dimension, ...], providers: tuple[str, ...] | None = None
    ) -> list[list[Recount]]:
        """Each of the models, at each of its endpoints at these providers, or at all. Raises Unable."""
        models = [self._model(name) for name in names]
        return self.at([(model, _endpoints(model, providers)) for model in models], by)

    def at(self, offers: Sequence[tuple[Model, Sequence[Endpoint]]], by: tuple[Dimension, ...]) -> list[list[Recount]]:
        """Each of the models at each of these endpoints."""
        seen = self._book.seen_of([model.id for model, _ in offers])
        return [self._on(model, endpoints, seen[model.id], by) for model, endpoints in offers]

    def _on(self, model: Model, endpoints: Sequence[Endpoint], seen: Seen, by: tuple[Dimension, ...]) -> list[Recount]:
        at = targets(
            model,
            endpoints,
            catalog=self._catalog,
            recorded=self._recorded,
            tokenizers=self._tokenizers,
            kinds=self._kinds,
            seen=seen,
        )
        return [Recount(each, by, self._traits, self.allowed(model, each.endpoint)) for each in at]

    @property
    def apart(self) -> tuple[Apart, ...]:
        """What requests must be told apart by to be held against another model; a policy goes by who asked."""
        who: tuple[Apart, ...] = () if self._laws is None else ("key", "organisation", "project", "tags")
        return ("model", "provider", *who)

    def count_kept(
        self, connection: Connection, recounts: Iterable[Recount], *, since: datetime, until: datetime
    ) -> None:
        """Put each request of the time whose words are kept in the place of its estimate, if its tokenizer is at hand.

        Raises Unable, and TextsUnavailable where texts are encrypted with a key that is not here.
        """
        vocabularies = Vocabularies(self._settings.home, self._tokenizers)
        counted = [(each, other) for each in recounts if (other := vocabularies.of(each.target.model)) is not None]
        if not counted:
            return
        for tally, said in self._kept(connection, since, until):
            own = vocabularies.of(tally.model)
            for recount, other in counted:
                if tally.model == recount.target.model or tally.given_again:
                    continue
                found = measured(tally, said.prompt, said.answer, other=other, own=own)
                if found is not None:
                    recount.add(taken_out(tally))
                    recount.add(replace(tally, measured=found))

    def _kept(self, connection: Connection, since: datetime, until: datetime) -> Iterator[tuple[Tally, Words]]:
        path = self._settings.texts_path
        if not path.is_file():
            return
        seals = seals_of(self._settings)
        with contextlib.closing(TextStore(path)) as texts:
            # a text has the time of its request, as its entry has
            for row in texts.each(Which(since=microseconds(since), before=microseconds(until))):
                said = words(seals.opened(row))
                entry = None if said is None else store.find(connection, row.receipt)
                tally = None if entry is None else tally_of(entry)
                if said is not None and tally is not None and since <= tally.at < until:
                    yield tally, said

    def allowed(self, model: Model, endpoint: Endpoint) -> Callable[[Tally], bool]:
        """Whether the policy lets whoever asked ask this endpoint."""
        laws, catalog, names = self._laws, self._catalog, self._names
        if laws is None:
            return lambda tally: True

        def allowed(tally: Tally) -> bool:
            who = Who(
                tally.key, names.get(tally.key, ""), tally.organisation, tally.project, tally.tags, tally.key_tags
            )
            return laws.law(who, catalog).forbids(model, endpoint) is None

        return allowed

    def _model(self, name: str) -> Model:
        model = self._catalog.find(name)
        if model is None:
            nearest = ", ".join(self._catalog.nearest(name))
            step = f"did you mean {nearest}?" if nearest else "weighbridge models"
            raise Unable(f"there is no model {name!r}", next_step=step)
        if not model.endpoints:
            raise Unable(f"no provider serves {model.id!r}", next_step="weighbridge models")
        return model


def _endpoints(model: Model, providers: tuple[str, ...] | None) -> Sequence[Endpoint]:
    if providers is None:
        return worth_counting(model)
    found = [each for each in model.endpoints if each.provider in providers]
    if not found:
        there = ", ".join(sorted({each.provider for each in model.endpoints}))
        raise Unable(f"{model.id} is not served by {', '.join(providers)}", next_step=f"--provider {there}")
    return found
