"""`python -m bench.evidence [--worlds N] [--json]`: do switch.evidence's procedures keep their word, and at what price?

In each of many worlds the truth is known: mostly it is just as bad as a promise forbids, so that each claim is a broken
one. A procedure may break in a share of delta of the worlds, and two standard errors; by every way to stop looking.
Then the price: how often what is true is proven, and after how many replays. Beside them what is usual elsewhere.
"""

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from weighbridge.switch.evidence import alarm, betting, harm, planning, rectified, sequence, spending

Values = npt.NDArray[np.float64]
World = Callable[[np.random.Generator, int], Values]
"""So many losses."""

DELTA: Final = 0.05
EPSILON: Final = 0.05
CASES: Final = 500
LOOKS: Final = (25, 50, 100, 200, 350, CASES)
NARROW: Final = 0.12


class Broken(msgspec.Struct, frozen=True):
    """How often a procedure broke its word."""

    procedure: str
    world: str
    stop: str
    share: float
    allowed: float | None
    """delta and two standard errors; None: nothing was promised."""

    @property
    def kept(self) -> bool:
        """Whether it keeps its word."""
        return self.allowed is None or self.share <= self.allowed


class Power(msgspec.Struct, frozen=True):
    """How soon what is true is proven."""

    procedure: str
    truth: str
    early: float
    """Share of worlds in which it is, by the number of replays in the column's head."""
    late: float
    middle: int | None
    """Replays in half of the worlds; None: more than were tried."""


class Result(msgspec.Struct, frozen=True):
    """All that was found."""

    worlds: int
    delta: float
    broken: list[Broken]
    power: list[Power]
    fewest: dict[str, int]
    """Replays without a single loss that prove a bound, by the bound."""


def threes(worse: float, better: float = 0.0) -> World:
    """Losses of 1, 0 and -1."""

    def losses(random: np.random.Generator, cases: int) -> Values:
        drawn = random.random(cases)
        return (drawn < worse).astype(float) - (drawn >= 1 - better)

    return losses


def scores(mean: float) -> World:
    """Differences of graded scores."""
    return lambda random, cases: random.beta(2 * (1 + mean), 2 * (1 - mean), cases) * 2 - 1


def turns(mean: float) -> World:
    """Quiet and wild by turns: no two losses are alike, each has this mean given those before."""

    def losses(random: np.random.Generator, cases: int) -> Values:
        swing = np.where(np.arange(cases) % 7 < 3, 0.9, 0.05)
        return mean + (2 * random.random(cases) - 1) * np.minimum(swing, 1 - abs(mean))

    return losses


FALSE: Final[Mapping[str, World]] = {
    "losses only": threes(EPSILON),
    "losses, gains": threes(0.15, 0.10),
    "scores": scores(EPSILON),
    "by turns": turns(EPSILON),
}
"""Worlds whose mean loss is epsilon: to say that it is below is wrong."""
TRUE: Final[Mapping[str, World]] = {
    "loses 0 %, never differs": threes(0.0),
    "loses 0 %, 4 % differ": threes(0.02, 0.02),
    "loses 0 %, 20 % differ": threes(0.10, 0.10),
    "loses 1 %, 5 % differ": threes(0.03, 0.02),
    "loses 2 %, 10 % differ": threes(0.06, 0.04),
    "loses 3 %, 15 % differ": threes(0.09, 0.06),
}
Claims = Callable[[Values], npt.NDArray[np.bool_]]
"""After each of the losses, whether it is claimed that their mean is below epsilon."""


def bets(mixture: betting.Mixture) -> Claims:
    """Who claims it once the capital is enough."""
    return lambda losses: betting.log_capital_path(losses, EPSILON, mixture) >= math.log(1 / DELTA)


def normal(losses: Values) -> npt.NDArray[np.bool_]:
    """The usual interval, 1.645 standard errors, from the 25th on: right at one look that was set beforehand, about."""
    count = np.arange(1, len(losses) + 1)
    mean = np.cumsum(losses) / count
    variance = np.maximum(np.cumsum(losses**2) / count - mean**2, 1e-3)
    return (mean + 1.645 * np.sqrt(variance / count) < EPSILON) & (count >= LOOKS[0])


def hoeffding(losses: Values) -> npt.NDArray[np.bool_]:
    """At one look that was set beforehand."""
    count = np.arange(1, len(losses) + 1)
    claims: npt.NDArray[np.bool_] = np.cumsum(losses) / count + 2 * np.sqrt(math.log(1 / DELTA) / 2 / count) < EPSILON
    return claims


def tests(random: np.random.Generator) -> Mapping[str, Claims]:
    """By name; the aimed bet is aimed by losses of its own."""
    example = threes(0.06, 0.06)(random, 300)
    return {
        "bet": bets(betting.USUAL),
        "bet, aimed by other cases": bets(betting.aimed(example, EPSILON, DELTA, CASES)),
        "(normal interval)": normal,
        "(Hoeffding)": hoeffding,
    }


STOPS: Final[Mapping[str, Callable[[npt.NDArray[np.bool_]], bool]]] = {
    f"after {CASES}": lambda claims: bool(claims[-1]),
    "at six looks": lambda claims: any(claims[look - 1] for look in LOOKS),
    "as soon as it claims": lambda claims: bool(claims.any()),
}


def of_tests(worlds: int) -> Iterator[Broken]:
    """Claims that a mean is below what it is."""
    limit = allowed(worlds)
    for world, draw in FALSE.items():
        random = np.random.default_rng(1)
        drawn = [draw(random, CASES) for _ in range(worlds)]
        for name, claims in tests(random).items():
            claimed = [claims(losses) for losses in drawn]
            for stop, stopped in STOPS.items():
                share = float(np.mean([stopped(each) for each in claimed]))
                yield Broken(name, world, stop, share, None if name.startswith("(") else limit)


def of_intervals(worlds: int) -> Iterator[Broken]:
    """Intervals that miss the mean, of those who stop when they like what they see."""
    stops: Mapping[str, Callable[[float, float], bool]] = {
        "when narrow": lambda low, high: high - low < NARROW,
        "when 0 is outside": lambda low, high: low > 0 or high < 0,
    }
    for world, draw in FALSE.items():
        random = np.random.default_rng(2)
        missed = dict.fromkeys(stops, 0)
        for _ in range(worlds):
            losses = draw(random, CASES)
            seen = [betting.interval(losses[:look], DELTA) for look in LOOKS]
            for name, stop in stops.items():
                low, high = next((each for each in seen if stop(*each)), seen[-1])
                missed[name] += not low <= EPSILON <= high
        for name, count in missed.items():
            yield Broken("interval", world, name, count / worlds, allowed(worlds))


def of_others(worlds: int) -> Iterator[Broken]:
    """All that is built on them."""
    random = np.random.default_rng(3)
    limit = allowed(worlds)
    knob = np.array([0.0, 0.02, 0.049, 0.0501, 0.055, 0.03, 0.2])
    wrong = sum(
        sequence.proven((random.random(CASES) < knob[:, None]).astype(float), EPSILON, DELTA) > 3 for _ in range(worlds)
    )
    yield Broken("fixed order", "the 4th of 7 loses too much", "whenever it claims", wrong / worlds, limit)
    for rate in (0.01, 0.05, 0.3):
        counts = random.binomial(CASES, rate, worlds)
        bounds = {count: harm.upper(count, CASES, DELTA) for count in set(counts.tolist())}
        share = float(np.mean([bounds[count] < rate for count in counts.tolist()]))
        yield Broken("harm, Clopper-Pearson", f"{rate:.0%} of cases", f"after {CASES}", share, limit)
    for kind, worse in ((0.0, 0.10), (0.3, 0.10), (0.8, 0.20)):
        share = float(np.mean([deceived(random, kind, worse) for _ in range(worlds)]))
        yield Broken("judge rectified", f"calls {kind:.0%} of losses ties", f"after {CASES}, 150 known", share, limit)
    share = float(np.mean([reissued(random) for _ in range(worlds)]))
    yield Broken("issued anew", "losses only", "five issues, until one is proven", share, limit)
    share = float(np.mean([rang(random, EPSILON, 4 * CASES) is not None for _ in range(worlds)]))
    yield Broken("alarm", "hard calls watched more", f"as soon as it rings, of {4 * CASES}", share, limit)


def deceived(random: np.random.Generator, kind: float, worse: float) -> bool:
    """Whether a judge that overlooks losses had a promise made that is not true."""
    true = (random.random(CASES) < worse).astype(float)
    judged = np.where(random.random(CASES) < kind, 0.0, true)
    known = (random.random(150) < worse).astype(float)
    error = rectified.error(np.where(random.random(150) < kind, 0.0, known), known, DELTA / 2)
    return rectified.rectified(judged, error, DELTA)[2] < worse


def reissued(random: np.random.Generator) -> bool:
    """Whether one of five tests of the same route, each on cases of its own, claims what is not so."""
    for issue in range(1, 6):
        losses = threes(EPSILON)(random, CASES)
        enough = math.log(1 / spending.share(DELTA, issue=issue))
        if betting.log_capital_path(losses, EPSILON).max() >= enough:
            return True
    return False


def rang(random: np.random.Generator, mean: float, calls: int) -> int | None:
    """After how many calls it rings, where hard ones lose twice as often and are watched four times as often."""
    hard = random.random(calls) < 0.5
    lost = random.random(calls) < mean * np.where(hard, 4 / 3, 2 / 3)
    chance = np.where(hard, 0.2, 0.05)
    watch = alarm.Alarm(EPSILON, DELTA, least=0.05)
    for at in np.flatnonzero(random.random(calls) < chance).tolist():
        if watch.add(float(lost[at]), float(chance[at])):
            return at + 1
    return None


def of_power(worlds: int) -> Iterator[Power]:
    """How soon what is true is proven, and how soon a drift is noticed."""
    most = 4 * CASES
    for truth, draw in TRUE.items():
        random = np.random.default_rng(4)
        drawn = [draw(random, most) for _ in range(worlds)]
        aimed = bets(betting.aimed(draw(random, 300), EPSILON, DELTA, CASES))
        for name, claims in {"bet": bets(betting.USUAL), "bet, aimed by other cases": aimed}.items():
            yield powerful(
                name, truth, [int(seen.argmax()) + 1 if (seen := claims(each)).any() else None for each in drawn]
            )
        once = [bool(hoeffding(each)[-1]) for each in drawn]
        yield Power(f"(Hoeffding after {most})", truth, math.nan, float(np.mean(once)), None)
    random = np.random.default_rng(5)
    for mean in (0.1, 0.2, 0.4):
        yield powerful("alarm", f"loses {mean:.0%} of calls", [rang(random, mean, most) for _ in range(worlds)])


def powerful(procedure: str, truth: str, after: list[int | None]) -> Power:
    """From the number of replays in each world; None: it was not proven."""
    ended = np.array([math.inf if each is None else each for each in after])
    middle = float(np.median(ended))
    early, late = (float((ended <= cases).mean()) for cases in (CASES, 4 * CASES))
    return Power(procedure, truth, early, late, None if math.isinf(middle) else math.ceil(middle))


def allowed(worlds: int) -> float:
    """Delta and two standard errors."""
    return DELTA + 2 * math.sqrt(DELTA * (1 - DELTA) / worlds)


def measured(worlds: int) -> Result:
    """All of it, in about a minute for 1,000 worlds."""
    broken = [*of_tests(worlds), *of_intervals(worlds), *of_others(worlds)]
    fewest = {f"{bound:.0%}": planning.fewest(bound, DELTA) for bound in (0.01, 0.02, 0.05, 0.1)}
    return Result(worlds, DELTA, broken, list(of_power(worlds)), fewest)


def table(found: Result) -> str:
    """For people."""
    lines = [
        f"Claims that are not true, in {found.worlds} worlds each; promised: {found.delta:.0%} (in brackets: nothing)"
    ]
    for row in found.broken:
        said = "" if row.allowed is None else f"of {row.allowed:.1%}{'' if row.kept else '  BROKEN'}"
        lines.append(f"  {row.procedure:27}{row.world:30}{row.stop:34}{row.share:6.1%} {said}")
    lines.append(
        f"\nProven by {CASES} and {4 * CASES} replays that at most {EPSILON:.0%} is lost; replays in half of the worlds"
    )
    for each in found.power:
        middle = "-" if each.middle is None else str(each.middle)
        early = "     -" if math.isnan(each.early) else f"{each.early:6.1%}"
        lines.append(f"  {each.procedure:27}{each.truth:30}{early} {each.late:6.1%} {middle:>6}")
    fewest = ", ".join(f"{bound}: {count}" for bound, count in found.fewest.items())
    lines.append(f"\nReplays that prove it where nothing is ever lost, by bound: {fewest}")
    return "\n".join(lines)


def main() -> None:
    """Print it. The exit status is 1 where a procedure broke its word."""
    parser = argparse.ArgumentParser(prog="python -m bench.evidence", description=__doc__)
    parser.add_argument("--worlds", type=int, default=1000, metavar="N")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    asked = parser.parse_args()
    found = measured(asked.worlds)
    print(msgspec.json.encode(found).decode() if asked.json else table(found))
    sys.exit(not all(row.kept for row in found.broken))


if __name__ == "__main__":
    main()
