"""Sums and word problems, from what a pupil does at once to what takes two steps."""

import random
from collections.abc import Callable
from typing import Final

from tools.switch_sample.line import Line, line
from weighbridge.switch.case import Expected

SYSTEM: Final = "You work out sums. Answer with the number only: no words, no unit, no steps."
NAMES: Final = ("Lina", "Omar", "Sofia", "Jonas", "Mei", "Tariq", "Anna", "Paulo", "Noor", "Ivan", "Ruth", "Samir")
GOODS: Final = ("notebooks", "lamps", "plates", "shirts", "mugs", "chairs", "towels", "candles", "baskets", "pens")
Problem = tuple[str, int]


def arithmetic(chance: random.Random, count: int) -> list[Line]:
    """So many, all different, the kinds in turn."""
    found: dict[str, int] = {}
    while len(found) < count:
        prompt, answer = KINDS[len(found) % len(KINDS)](chance)
        found.setdefault(prompt, answer)
    return [line(SYSTEM, prompt, Expected("number", str(answer)), most_tokens=16) for prompt, answer in found.items()]


def _sum(chance: random.Random) -> Problem:
    a, b = chance.randint(11, 99), chance.randint(11, 99)
    return chance.choice(("What is {} + {}?", "Add {} and {}.", "{} plus {}", "كم يساوي {} + {}؟")).format(a, b), a + b


def _difference(chance: random.Random) -> Problem:
    b = chance.randint(11, 60)
    a = b + chance.randint(5, 90)
    form = chance.choice(("What is {0} - {1}?", "Subtract {1} from {0}.", "{0} minus {1}", "كم يساوي {0} - {1}؟"))
    return form.format(a, b), a - b


def _thousands(chance: random.Random) -> Problem:
    a, b = chance.randint(1200, 9800), chance.randint(150, 4900)
    return chance.choice(("What is {:,} + {:,}?", "Add {:,} to {:,}.", "{:,} plus {:,}")).format(a, b), a + b


def _product(chance: random.Random) -> Problem:
    a, b = chance.randint(3, 9), chance.randint(12, 49)
    return chance.choice(("What is {} x {}?", "Multiply {} by {}.", "{} times {}")).format(a, b), a * b


def _long_product(chance: random.Random) -> Problem:
    a, b = chance.randint(13, 49), chance.randint(12, 39)
    return chance.choice(("What is {} x {}?", "Multiply {} by {}.", "{} rows of {} seats: how many?")).format(
        a, b
    ), a * b


def _quotient(chance: random.Random) -> Problem:
    a, b = chance.randint(3, 9), chance.randint(12, 60)
    form = chance.choice(("What is {} / {}?", "Divide {} by {}.", "{} shared evenly among {} people: how many each?"))
    return form.format(a * b, a), b


def _brackets(chance: random.Random) -> Problem:
    a, b, c = chance.randint(3, 30), chance.randint(3, 30), chance.randint(2, 9)
    return f"What is ({a} + {b}) x {c}?", (a + b) * c


def _three_terms(chance: random.Random) -> Problem:
    a, b, c = chance.randint(20, 90), chance.randint(3, 9), chance.randint(3, 12)
    return f"What is {a} + {b} x {c}?", a + b * c


def _shop(chance: random.Random) -> Problem:
    price, many = chance.randint(3, 15), chance.randint(3, 12)
    who, goods = chance.choice(NAMES), chance.choice(GOODS)
    return f"{who} buys {many} {goods} at {price} euros each. What is paid?", price * many


def _stock(chance: random.Random) -> Problem:
    boxes, each, sold = chance.randint(4, 12), chance.randint(6, 24), chance.randint(7, 23)
    goods = chance.choice(GOODS)
    story = f"A shop has {boxes} boxes of {each} {goods} and sells {sold} {goods}."
    return f"{story} How many are left?", boxes * each - sold


def _percent(chance: random.Random) -> Problem:
    share, whole = chance.choice((5, 10, 15, 20, 25, 30, 40, 60, 75)), chance.randrange(40, 900, 20)
    if share in (5, 15, 75):
        whole = whole // 100 * 100 + 100
    form = chance.choice(("What is {} % of {}?", "A price of {1} falls by {0} %. By how much does it fall?"))
    return form.format(share, whole), share * whole // 100


def _discount(chance: random.Random) -> Problem:
    share, price = chance.choice((10, 20, 25, 30, 40)), chance.randrange(40, 400, 20)
    goods = chance.choice(("coat", "bicycle", "phone", "desk", "tent"))
    return f"A {goods} costs {price} euros. What does it cost with {share} % off?", price * (100 - share) // 100


def _journey(chance: random.Random) -> Problem:
    speed, hours = chance.randrange(40, 100, 5), chance.randint(2, 6)
    return f"A bus drives {hours} hours at {speed} km an hour. How many km is that?", speed * hours


def _change(chance: random.Random) -> Problem:
    paid = chance.choice((20, 50, 100))
    price = chance.randint(3, paid - 2)
    return f"{chance.choice(NAMES)} pays {price} euros with a note of {paid}. How many euros come back?", paid - price


def _ages(chance: random.Random) -> Problem:
    young, older = chance.randint(4, 40), chance.randint(3, 25)
    one, two = chance.sample(NAMES, 2)
    return f"{one} is {young} years old. {two} is {older} years older than {one}. How old is {two}?", young + older


def _savings(chance: random.Random) -> Problem:
    week, weeks = chance.randint(6, 18), chance.randint(4, 12)
    return f"{chance.choice(NAMES)} saves {week} euros a week. How much is that in {weeks} weeks?", week * weeks


def _seats(chance: random.Random) -> Problem:
    taken, all_ = chance.randint(12, 80), chance.randint(90, 250)
    return f"A hall has {all_} seats, of which {taken} are taken. How many are free?", all_ - taken


KINDS: Final[tuple[Callable[[random.Random], Problem], ...]] = (
    _sum,
    _difference,
    _thousands,
    _product,
    _long_product,
    _quotient,
    _brackets,
    _three_terms,
    _shop,
    _stock,
    _percent,
    _discount,
    _journey,
    _change,
    _ages,
    _savings,
    _seats,
)
