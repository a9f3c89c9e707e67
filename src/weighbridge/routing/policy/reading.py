"""A policy file, read and checked: TOML in, a Policy out, or an error that names line, key and what would do."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge.catalog.places import places
from weighbridge.errors import PolicyError
from weighbridge.routing.policy.conditions import CONDITIONS, Condition, Wanted, place_set
from weighbridge.routing.policy.facts import LOCAL
from weighbridge.routing.policy.rules import Effect, Expression, Policy, Rule, Scope, Test

_TOP: Final = ("default", "groups", "deny", "allow")
_SCOPE: Final = ("organisation", "project", "key", "contains")
_RULE: Final = ("name", *_SCOPE, "except", "when", "unless")
_MOST_RULES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words that exist: a licence or provider that is not here is a slip of the pen."""

    licences: frozenset[str]
    providers: frozenset[str]
    models: frozenset[str]
    """Ids in lower case, and `lab/` for each lab."""

    def may_mean_models(self, pattern: str) -> bool:
        """Whether it is a model's id or the beginning of some; what a provider has may be called anything."""
        name = pattern.lower()
        provider, slash, _ = name.partition("/")
        if slash and provider in self.providers:
            return True
        return any(id_.startswith(name[:-1]) for id_ in self.models) if name.endswith("*") else name in self.models


def read_policy(text: str, name: str, vocabulary: Vocabulary | None = None) -> Policy:
    """The policy in a file of this name; without a vocabulary any licence and provider may be named.

    Raises PolicyError.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{name}: {error}") from error
    return _Reader(name, text or "\n", raw, vocabulary).policy()


def policy_of(name: str, raw: Mapping[str, object]) -> Policy:
    """The policy that was kept as `Policy.raw`; its groups are as they were then. Raises PolicyError."""
    return _Reader(name, "", raw, None).policy()


class _Reader:
    def __init__(self, name: str, text: str, raw: Mapping[str, object], vocabulary: Vocabulary | None) -> None:
        self._name = name
        self._lines = text.splitlines()
        self._is_kept = not text
        self._raw = raw
        self._vocabulary = vocabulary
        self._places = places()
        self._groups: Mapping[str, frozenset[str]] = self._places.groups

    def policy(self) -> Policy:
        self._known("", self._raw, _TOP)
        default = self._default()
        self._groups = {**self._places.groups, **self._read_groups()}
        rules = [*self._rules("deny"), *self._rules("allow")]
        names = [rule.name for rule in rules]
        for kind in ("deny", "allow"):
            for at, rule in enumerate(rule for rule in rules if rule.effect == kind):
                if names.count(rule.name) > 1:
                    raise self._wrong(f"{kind}[{at}].name", f"{rule.name!r} is the name of two rules")
        if default == "allow" and any(rule.effect == "allow" for rule in rules):
            raise self._wrong(
                "allow",
                'allow rules change nothing where default is "allow": say default = "deny", or turn them into '
                "deny rules with `unless`",
            )
        groups = {name: sorted(members) for name, members in sorted(self._groups.items())}
        return Policy(self._name, default, tuple(rules), {**self._raw, "groups": groups})

    def _default(self) -> Effect:
        default = self._raw.get("default", "allow")
        if default == "allow":
            return "allow"
        if default == "deny":
            return "deny"
        raise self._wrong("default", f'expected "allow" or "deny", got {default!r}')

    def _read_groups(self) -> dict[str, frozenset[str]]:
        read: dict[str, frozenset[str]] = {}
        for name, members in self._table("groups", self._raw.get("groups", {})).items():
            where = f"groups.{name}"
            if name in self._places.countries or name == LOCAL or (name in self._places.groups and not self._is_kept):
                raise self._wrong(where, f"{name!r} has its meaning already: take another name")
            countries: frozenset[str] = frozenset()
            for member in self._texts(where, members):
                found = read.get(member) or self._places.countries_in(member)
                if found is None:
                    raise self._wrong(where, f"there is no country {member!r}{self._places.nearest(member)}")
                countries |= found
            read[name] = countries
        return read

    def _rules(self, effect: Effect) -> list[Rule]:
        raw = self._raw.get(effect, [])
        if not isinstance(raw, list):
            raise self._wrong(effect, f"expected rules, each under [[{effect}]]")
        if len(raw) > _MOST_RULES:
            raise self._wrong(effect, f"over {_MOST_RULES:,} rules")
        return [self._rule(effect, f"{effect}[{at}]", each) for at, each in enumerate(raw)]

    def _rule(self, effect: Effect, where: str, value: object) -> Rule:
        raw = self._table(where, value)
        self._known(where, raw, _RULE)
        name = raw.get("name")
        if not isinstance(name, str) or not name.strip() or len(name) > 200:
            raise self._wrong(f"{where}.name", "expected the rule's name, a string that people will read in refusals")
        exempt = None
        if "except" in raw:
            excepted = self._table(f"{where}.except", raw["except"])
            self._known(f"{where}.except", excepted, _SCOPE)
            exempt = self._scope(f"{where}.except", excepted)
            if exempt == Scope():
                raise self._wrong(f"{where}.except", f"expected one of {', '.join(_SCOPE)}")
        when, unless = (
            None if key not in raw else self._expression(f"{where}.{key}", raw[key]) for key in ("when", "unless")
        )
        return Rule(name.strip(), effect, self._scope(where, raw), exempt, when, unless)

    def _scope(self, where: str, raw: Mapping[str, object]) -> Scope:
        read = {
            key: frozenset(text.casefold() for text in self._texts(f"{where}.{key}", raw[key]))
            for key in _SCOPE
            if key in raw
        }
        return Scope(**read)

    def _expression(self, where: str, value: object) -> Expression:
        if isinstance(value, list):
            if not value:
                raise self._wrong(where, "expected conditions")
            return tuple(self._tests(f"{where}[{at}]", each) for at, each in enumerate(value))
        return (self._tests(where, value),)

    def _tests(self, where: str, value: object) -> tuple[Test, ...]:
        raw = self._table(where, value)
        flat: dict[str, object] = {}
        for key, inner in raw.items():
            if isinstance(inner, dict):
                flat |= {f"{key}.{last}": each for last, each in inner.items()}
            else:
                flat[key] = inner
        if not flat:
            raise self._wrong(where, "expected conditions")
        self._known(where, flat, tuple(CONDITIONS))
        return tuple(self._test(f"{where}.{key}", key, each) for key, each in flat.items())

    def _test(self, where: str, key: str, value: object) -> Test:
        condition = CONDITIONS[key]
        if condition.kind == "yes or no":
            if not isinstance(value, bool):
                raise self._wrong(where, f"expected true or false, got {value!r}")
            word = str(value).lower()
            return Test(key, value, f"{key} = {word}", (word,))
        if condition.kind == "number":
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise self._wrong(where, f"expected a whole number, at least 0, got {value!r}")
            return Test(key, value, f"{key} = {value}", (str(value),))
        words = self._texts(where, value)
        wanted = self._word_set(where, words, condition)
        said = f"{key} = {words[0]}" if len(words) == 1 else f"{key} in {', '.join(words)}"
        return Test(key, wanted, said, tuple(words))

    def _word_set(self, where: str, words: Sequence[str], condition: Condition) -> Wanted:
        if condition.kind in ("places", "countries"):
            local = {LOCAL} if condition.kind == "places" else set()
            known = {*self._places.countries, *self._groups, *local}
            for word in words:
                if word not in known:
                    raise self._wrong(where, f"there is no place {word!r}{self._nearest_place(word, local)}")
            return place_set(words, self._groups)
        admitted: Iterable[str] | None = condition.words
        if condition.list is not None and self._vocabulary is not None:
            admitted = getattr(self._vocabulary, condition.list)
        for word in words:
            if condition.list == "models" and self._vocabulary is not None and self._vocabulary.may_mean_models(word):
                continue
            if admitted is not None and word not in admitted:
                raise self._wrong(where, f"there is no {word!r}{_nearest(word, admitted)}")
        return frozenset(words)

    def _nearest_place(self, word: str, local: set[str]) -> str:
        if word.lower() == LOCAL and local:
            return f"; did you mean {LOCAL!r}?"
        own = difflib.get_close_matches(word, self._groups, 1)
        return f"; did you mean {own[0]!r}?" if own else self._places.nearest(word)

    def _texts(self, where: str, value: object) -> list[str]:
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
            raise self._wrong(where, f"expected a string or a list of strings, got {value!r}")
        return texts

    def _table(self, where: str, value: object) -> Mapping[str, object]:
        if not isinstance(value, dict):
            raise self._wrong(where, f"expected a table, got {value!r}")
        return value

    def _known(self, where: str, raw: Mapping[str, object], known: Sequence[str]) -> None:
        for key in raw:
            if key not in known:
                place = f"{where}.{key}" if where else key
                raise self._wrong(place, f"{key!r} is nothing that a rule knows here{_nearest(key, known)}")

    def _wrong(self, where: str, complaint: str) -> PolicyError:
        line = self._line(where)
        return PolicyError(f"{self._name}{'' if line is None else f', line {line}'}, {where}: {complaint}")

    def _line(self, where: str) -> int | None:
        """Where it stands, as far as can be told: the rule's own line that has the key, or the rule's first."""
        found = re.match(r"(deny|allow)\[(\d+)\]", where)
        start = 0
        if found is not None:
            heads = [at for at, line in enumerate(self._lines) if re.match(rf"\s*\[\[\s*{found[1]}\s*\]\]", line)]
            if int(found[2]) >= len(heads):
                return None
            start = heads[int(found[2])]
        leaf = re.escape(re.sub(r"\[\d+\]$", "", where).rpartition(".")[2])
        for at in range(start, len(self._lines)):
            if at > start and re.match(r"\s*\[\[", self._lines[at]):
                break
            if re.search(rf"(^|[\s.{{,\[\"]){leaf}[\"\s]*[=\].]", self._lines[at]):
                return at + 1
        return start + 1 if found is not None else None


def _nearest(word: str, known: Iterable[str]) -> str:
    listed = sorted(known)
    by_last = {each.rpartition(".")[2]: each for each in listed}
    close = difflib.get_close_matches(word, listed, 1) or [
        by_last[each] for each in difflib.get_close_matches(word.rpartition(".")[2], by_last, 1)
    ]
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; there are {', '.join(listed)}" if len(listed) <= 30 else ""
