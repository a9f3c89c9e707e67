"""What a switch goes by: the catalogue as it can be asked here, the policy, keys, cases."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from weighbridge.accounts import keys
from weighbridge.accounts.keys import Key
from weighbridge.app import local_models
from weighbridge.app.connections import connections
from weighbridge.app.offer import LOCAL, offered
from weighbridge.app.policies import policies_of
from weighbridge.app.texts import seals_of
from weighbridge.app.unable import Unable
from weighbridge.catalog.load import OWN_MACHINE
from weighbridge.catalog.model import Catalog, Endpoint, Model
from weighbridge.catalog.shelf import with_endpoint
from weighbridge.config import Secret, Settings
from weighbridge.db import Connection, microseconds
from weighbridge.errors import TextsUnavailable, Unauthorized
from weighbridge.ledger import store as ledger
from weighbridge.ledger.entry import Entry
from weighbridge.providers.rows import read_rows
from weighbridge.routing.policy.law import Laws
from weighbridge.routing.policy.rules import Who
from weighbridge.switch.answers import answer_of
from weighbridge.switch.candidates import Forbids
from weighbridge.switch.case import Answer
from weighbridge.switch.planned import FromFile, FromTexts
from weighbridge.switch.remembered import Remembered
from weighbridge.switch.sources import KeptTexts, Lines, Source
from weighbridge.texts.store import TextStore
from weighbridge.texts.text import Which


@dataclass(slots=True)
class Setting:
    """All of it, at one time."""

    settings: Settings
    connection: Connection
    catalog: Catalog
    laws: Laws | None
    keys: dict[str, Key]
    now: datetime
    own: Key | None
    """The key that replays are asked with; None where it is not one of this ledger's."""
    _last: tuple[str, Entry | None] | None = field(default=None, repr=False, compare=False)

    def model(self, name: str, field: str | None = None) -> Model:
        """A model by its id or another name of it; `field` is where it was asked for. Raises Unable."""
        found = self.catalog.find(name)
        if found is None:
            nearest = ", ".join(self.catalog.nearest(name))
            meant = f"; did you mean {nearest}?" if nearest else ""
            raise Unable(f"there is no model {name!r}{meant}", next_step="weighbridge models", field=field)
        return found

    def entry(self, receipt: str) -> Entry | None:
        """What the ledger has of a receipt; the last one is asked for more than once."""
        if self._last is None or self._last[0] != receipt:
            found = ledger.find(self.connection, receipt) if receipt.startswith("wbr-") else None
            self._last = (receipt, found)
        return self._last[1]

    @property
    def names(self) -> dict[str, str]:
        """The keys' names, by their ids."""
        return {id_: key.name for id_, key in self.keys.items()}

    def forbids(self, key: str, tags: Sequence[str]) -> Forbids:
        """What the policy says to requests of a key with these tags, and to those of the key that replays them."""
        laws, catalog = self.laws, self.catalog
        if laws is None:
            return lambda model, endpoint: None
        asking = {each.id: each for each in (self.keys.get(key), self.own) if each is not None}
        both = [laws.law(_who(each, tags), catalog) for each in asking.values()]
        both = both or [laws.law(Who(key, tags=tuple(tags)), catalog)]

        def forbids(model: Model, endpoint: Endpoint) -> str | None:
            return next((why for law in both if (why := law.forbids(model, endpoint)) is not None), None)

        return forbids


def need_numpy() -> None:
    """Raise Unable where what weighs evidence is not installed."""
    if find_spec("numpy") is None:
        raise Unable(
            "evidence is weighed with numpy, which is not installed", next_step="pip install 'weighbridge[switch]'"
        )


def setting(settings: Settings, connection: Connection, own: Secret | None) -> Setting:
    """Everything as it is now; `own` is the key to ask with. Raises PolicyError, ConfigError."""
    now = datetime.now(UTC)
    callable_now = tuple(each.id for each in connections(settings, read_rows()) if each.lack is None)
    catalog = offered(settings, callable_now, (), now)
    for model in local_models.here(settings):
        catalog = with_endpoint(catalog, Endpoint(LOCAL, model, model, (OWN_MACHINE,)))
    policies = policies_of(settings)
    known = {key.id: key for key in keys.listing(connection)}
    laws = None if policies is None else Laws(policies)
    return Setting(settings, connection, catalog, laws, known, now, _own(own, connection, now))


def _own(secret: Secret | None, connection: Connection, now: datetime) -> Key | None:
    if secret is None:
        return None
    ring = keys.Keyring(connection)
    ring.refresh()
    try:
        return ring.open(secret.reveal().encode(), now=now)
    except Unauthorized:
        return None


@contextmanager
def cases(at: Setting, source: FromTexts | FromFile, reference: str) -> Iterator[Source]:
    """Where cases are read, with the answers of the reference that are there. Raises Unable where nothing is."""
    with _cases(at, source, reference) as found, kept_answers(at) as answered:
        yield Remembered(found, at.connection, reference, answered)


@contextmanager
def kept_answers(at: Setting) -> Iterator[Callable[[str], Answer | None]]:
    """Answers by their receipts, where the key that replayed keeps its texts."""
    path = at.settings.texts_path
    if not path.is_file():
        yield lambda receipt: None
        return
    seals = seals_of(at.settings)

    def answer(receipt: str) -> Answer | None:
        row = opened.find(receipt)
        try:
            text = None if row is None else seals.opened(row)
        except TextsUnavailable:
            return None
        return None if text is None or text.answer is None else answer_of(text.answer, text.dialect)

    with closing(TextStore(path)) as opened:
        yield answer


@contextmanager
def _cases(at: Setting, source: FromTexts | FromFile, reference: str) -> Iterator[Source]:
    if isinstance(source, FromFile):
        if not Path(source.path).is_file():
            raise Unable(f"there is no {source.path}, whose lines were planned", next_step="put it back, or plan anew")
        yield Lines(Path(source.path), reference=reference, model=_id_of(at.catalog))
        return
    path = at.settings.texts_path
    if not path.is_file():
        raise Unable(
            f"no text is kept: there is no {path}",
            next_step="weighbridge keys keep-text KEY, and wait for traffic; or --requests FILE.jsonl",
            field="source",
        )
    which = Which(key=source.key, since=None if source.since is None else microseconds(source.since))
    with closing(TextStore(path)) as store:
        yield KeptTexts(
            store,
            seals_of(at.settings),
            which,
            reference=reference,
            model=_id_of(at.catalog),
            entry=at.entry,
        )


def _id_of(catalog: Catalog) -> Callable[[str], str | None]:
    def id_of(name: str) -> str | None:
        found = catalog.find(name)
        return None if found is None else found.id

    return id_of


def _who(key: Key, tags: Sequence[str]) -> Who:
    labels = key.labels
    every = key.tags_with(tuple(tags))
    return Who(key.id, key.name, labels.organisation, labels.project, every, labels.tags)
