# ruff: noqa: RUF001 -- Arabic
"""Short notes in English, and in Arabic, of which a program wants who, where and how many: a route each."""

import random
from collections.abc import Callable
from typing import Final

import msgspec

from tools.switch_sample.line import Line, line
from weighbridge.switch.case import Expected

SYSTEM: Final = (
    "You read orders. Give the customer's full name, the e-mail address, the city and the quantity, as written."
)
SYSTEM_IN_ARABIC: Final = "أنت تقرأ الطلبات. أعطِ اسم العميل الكامل وعنوان البريد الإلكتروني والمدينة والكمية، كما كُتبت."
SCHEMA: Final = {
    "type": "object",
    "properties": {
        "customer": {"type": "string"},
        "email": {"type": "string"},
        "city": {"type": "string"},
        "quantity": {"type": "integer"},
    },
    "required": ["customer", "email", "city", "quantity"],
    "additionalProperties": False,
}
CUSTOMERS: Final = (
    "Lina Haddad", "Jonas Keller", "Mei Tanaka", "Omar Said", "Sofia Rossi", "Paul Martin", "Anna Nowak",
    "David Cohen", "Maria Silva", "Erik Larsen", "Ruth Adams", "Ivan Petrov", "Grace Okoro", "Noah Fischer",
    "Emma Brown", "Hugo Blanc",
)  # fmt: skip
CITIES: Final = (
    "Berlin", "Lyon", "Osaka", "Lagos", "Porto", "Oslo", "Denver", "Kyoto", "Amman", "Milan", "Dublin", "Quito",
    "Perth", "Vienna", "Boston", "Seoul",
)  # fmt: skip
ITEMS: Final = (
    "desk lamps", "notebooks", "office chairs", "coffee mugs", "umbrellas", "backpacks", "candles", "wall clocks",
    "bath towels", "keyboards", "tents", "water bottles", "picture frames", "pillows", "bicycle helmets", "flower pots",
)  # fmt: skip
NOTES: Final = (
    "Order from {customer} ({email}): {quantity} {item}, deliver to {city}.",
    "{customer} in {city} wants {quantity} {item}. Write to {email}.",
    "Please send {quantity} {item} to {customer}, {city}. Contact: {email}.",
    "Customer: {customer}\nE-mail: {email}\nCity: {city}\nQuantity: {quantity}",
    "Hi, this is {customer} from {city}. I would like {quantity} {item}, please. My address is {email}.",
    "{quantity} x {item} for {customer} ({city}), {email}",
    "Phone call: {customer}, {city}, ordered {quantity} {item}. Confirm to {email}.",
    "New order. Ship to {city}. Name: {customer}. Goods: {quantity} {item}. Mail: {email}. Thank you!",
    "Could you put {quantity} {item} aside for {customer}? They go to {city}. Questions: {email}.",
    "From: {email}\nTo: sales\n\nHello, please send {quantity} {item} to {city}. Kind regards, {customer}",
    "Dear team, our client {customer} ({email}) has asked for {quantity} {item}. The delivery city is {city}.",
    "Ship {item} ({quantity} pieces) to {customer} in {city} by Friday and tell {email}.",
    "{item}: {quantity}. Buyer: {customer}. Destination: {city}. E-mail: {email}.",
    "We have sold {quantity} {item} to {customer}, {email}. The parcel goes to {city} on Monday.",
    "{city} branch, {customer} speaking: we need {quantity} {item} soon. Reply to {email}.",
    "Invoice for {customer}, {city}: {quantity} {item}, paid by card. Send it to {email}.",
)
IN_ARABIC: Final = {
    "customer": ("لينا حداد", "عمر سعيد", "سارة منصور", "خالد يوسف", "نور سالم", "طارق عباس", "هدى كريم", "سامي داود"),
    "city": ("عمان", "بيروت", "دمشق", "بغداد", "حلب", "صنعاء"),
    "item": ("كراسي", "مصابيح", "دفاتر", "حقائب", "أكواب", "وسائد", "ساعات", "شموع"),
}
NOTES_IN_ARABIC: Final = (
    "العميل: {customer}\nالبريد: {email}\nالمدينة: {city}\nالكمية: {quantity}",
    "الاسم: {customer}، المدينة: {city}، العدد: {quantity} {item}، البريد: {email}",
    "اسم العميل: {customer}. الكمية: {quantity}. المدينة: {city}. البريد الإلكتروني: {email}",
)


def extraction(chance: random.Random, count: int) -> list[Line]:
    """So many in English, all different."""
    return _lines(SYSTEM, _english, chance, count)


def extraction_in_arabic(chance: random.Random, count: int) -> list[Line]:
    """So many in Arabic, all different."""
    return _lines(SYSTEM_IN_ARABIC, _arabic, chance, count)


Fields = dict[str, str | int]
"""What is to be found in a note."""


def _lines(
    system: str, drawn: Callable[[random.Random, int], tuple[str, Fields]], chance: random.Random, count: int
) -> list[Line]:
    found: dict[str, Fields] = {}
    while len(found) < count:
        note, fields = drawn(chance, len(found))
        found.setdefault(note, fields)
    wanted = {"type": "json_schema", "json_schema": {"name": "order", "strict": True, "schema": SCHEMA}}
    return [
        line(
            system, note, Expected("json", msgspec.json.encode(fields).decode()), most_tokens=80, response_format=wanted
        )
        for note, fields in found.items()
    ]


def _english(chance: random.Random, place: int) -> tuple[str, Fields]:
    customer = chance.choice(CUSTOMERS)
    fields: Fields = {
        "customer": customer,
        "email": _email(chance, *customer.lower().split()),
        "city": chance.choice(CITIES),
        "quantity": chance.randint(2, 60),
    }
    return NOTES[place % len(NOTES)].format(item=chance.choice(ITEMS), **fields), fields


def _arabic(chance: random.Random, place: int) -> tuple[str, Fields]:
    drawn = {name: chance.choice(values) for name, values in IN_ARABIC.items()}
    fields: Fields = {
        "customer": drawn["customer"],
        "email": _email(chance, "info", chance.choice("abcdefgh") + str(chance.randint(10, 99))),
        "city": drawn["city"],
        "quantity": chance.randint(3, 10),
    }
    return NOTES_IN_ARABIC[place % len(NOTES_IN_ARABIC)].format(item=drawn["item"], **fields), fields


def _email(chance: random.Random, first: str, last: str) -> str:
    form = chance.choice(("{first}.{last}", "{first[0]}.{last}", "{first}_{last}", "{first}{year}"))
    name = form.format(first=first, last=last, year=chance.randint(70, 99))
    return f"{name}@{chance.choice(('example.com', 'example.org', 'example.net', 'mail.example.com'))}"
