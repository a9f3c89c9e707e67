"""The functions that are asked for. Braces of Python itself are doubled, as in any format."""

from typing import Final, NamedTuple


class Task(NamedTuple):
    """One function, of which several variants can be drawn."""

    prompt: str
    solution: str
    inputs: tuple[str, ...]
    """Arguments of each test, as Python writes them."""
    drawn: dict[str, tuple[int | str, ...]]
    """What to put for the names in prompt and solution."""


_SMALL: Final = (2, 3, 4, 5, 6, 7, 8, 9)
_NUMBERS: Final = ("[]", "[4]", "[3, -1, 2]", "[10, 12, 7, 7, 5]", "[0, 0, 6, 30, 21]")
_WORDS: Final = ("''", "'a'", "'banana'", "'Hello World'", "'Mississippi river'")
_LISTS: Final = ("[]", "['kiwi']", "['fig', 'plum', 'apple', 'fig']", "['a', 'bb', 'ccc', 'dddd', 'eeeee']")

TASKS: Final = (
    Task(
        "Write a function `scale(n)` that returns n times {k}, plus {c}.",
        "def scale(n):\n    return n * {k} + {c}\n",
        ("0", "1", "-3", "20"),
        {"k": _SMALL, "c": (1, 10, 25)},
    ),
    Task(
        "Write `is_multiple(n)`, which returns True if the whole number n is a multiple of {k}, and False otherwise.",
        "def is_multiple(n):\n    return n % {k} == 0\n",
        ("0", "1", "12", "35", "-18", "56"),
        {"k": _SMALL},
    ),
    Task(
        "Write a function `total(numbers)` that adds up the numbers of a list that are greater than {k}.",
        "def total(numbers):\n    return sum(n for n in numbers if n > {k})\n",
        _NUMBERS,
        {"k": _SMALL},
    ),
    Task(
        "Write `count_letter(text)`: how often the letter '{c}' occurs in text. Upper and lower case count alike.",
        "def count_letter(text):\n    return text.lower().count('{c}')\n",
        _WORDS,
        {"c": ("a", "i", "l", "o", "s")},
    ),
    Task(
        "Write a function `first_items(items)` that returns the first {k} items of a list as a list.",
        "def first_items(items):\n    return items[:{k}]\n",
        _LISTS,
        {"k": (2, 3, 4, 5)},
    ),
    Task(
        "Write `last_items(items)`, which returns the last {k} items of a list as a list, or all of them if there "
        "are fewer.",
        "def last_items(items):\n    return items[-{k}:]\n",
        _LISTS,
        {"k": (2, 3, 4, 5)},
    ),
    Task(
        "Write a function `every(items)` that returns every {word} item of a list, beginning with the first one.",
        "def every(items):\n    return items[::{word!r} == 'second' and 2 or {word!r} == 'third' and 3 or 4]\n",
        _LISTS,
        {"word": ("second", "third", "fourth")},
    ),
    Task(
        "Write `long_words(words)`: the words of a list that have more than {k} letters, in their order.",
        "def long_words(words):\n    return [word for word in words if len(word) > {k}]\n",
        _LISTS,
        {"k": (1, 2, 3, 4)},
    ),
    Task(
        "Write a function `join_words(words)` that joins a list of words with '{c}' between them.",
        "def join_words(words):\n    return '{c}'.join(words)\n",
        _LISTS,
        {"c": ("-", ", ", " and ", "/", "_")},
    ),
    Task(
        "Write `replace_spaces(text)`, which returns the text with each space replaced by '{c}'.",
        "def replace_spaces(text):\n    return text.replace(' ', '{c}')\n",
        _WORDS,
        {"c": ("_", "-", ".", "+")},
    ),
    Task(
        "Write a function `repeat(text)` that returns the text {k} times in a row, separated by '{c}'.",
        "def repeat(text):\n    return '{c}'.join([text] * {k})\n",
        _WORDS,
        {"k": (2, 3, 4), "c": ("-", " ", "+")},
    ),
    Task(
        "Write `clamp(n)`: n itself, but not less than {low} and not more than {high}.",
        "def clamp(n):\n    return max({low}, min({high}, n))\n",
        ("-100", "0", "7", "15", "100"),
        {"low": (-10, 0, 5), "high": (10, 20, 50)},
    ),
    Task(
        "Write a function `power_sum(numbers)` that returns the sum of the {word} of the numbers in a list.",
        "def power_sum(numbers):\n    return sum(n ** (2 if {word!r} == 'squares' else 3) for n in numbers)\n",
        _NUMBERS,
        {"word": ("squares", "cubes")},
    ),
    Task(
        "Write `count_{word}(numbers)`: how many numbers of a list are {word}.",
        "def count_{word}(numbers):\n    return sum(n % 2 == ({word!r} == 'odd') for n in numbers)\n",
        _NUMBERS,
        {"word": ("even", "odd")},
    ),
    Task(
        "Write a function `{word}_or_none(numbers)` that returns the {word} of a list of numbers, or None for an "
        "empty list.",
        "def {word}_or_none(numbers):\n    return {word}(numbers) if numbers else None\n",
        _NUMBERS,
        {"word": ("max", "min", "sum")},
    ),
    Task(
        "Write `digit_sum(n)`, which adds up the digits of a whole number n >= 0 and returns the sum times {k}.",
        "def digit_sum(n):\n    return sum(int(digit) for digit in str(n)) * {k}\n",
        ("0", "7", "49", "12345"),
        {"k": (2, 3, 10)},
    ),
    Task(
        "Write a function `ends(text)` that tells whether a text ends with '{c}', whatever the case of its letters.",
        "def ends(text):\n    return text.lower().endswith('{c}')\n",
        (*_WORDS, "'RIVER'"),
        {"c": ("a", "d", "river", "world")},
    ),
    Task(
        "Write `vowels(text)`: the number of vowels (a, e, i, o, u) in a text, each counted {k} times; case makes "
        "no difference.",
        "def vowels(text):\n    return {k} * sum(letter in 'aeiou' for letter in text.lower())\n",
        _WORDS,
        {"k": (2, 3, 4)},
    ),
    Task(
        "Write a function `backwards(text)` that returns a text backwards and in {word} case.",
        "def backwards(text):\n    return text[::-1].{word}()\n",
        _WORDS,
        {"word": ("upper", "lower")},
    ),
    Task(
        "Write `sorted_by_length(words)`, which returns the words of a list sorted by length, the {word} first; "
        "words of one "
        "length stay in their order.",
        "def sorted_by_length(words):\n    return sorted(words, key=len, reverse={word!r} == 'longest')\n",
        (*_LISTS, "['bb', 'a', 'cc', 'dddd', 'd']"),
        {"word": ("shortest", "longest")},
    ),
    Task(
        "Write a function `count_down(n)` that returns the list of numbers from n down to {k}; an empty list if n "
        "is less.",
        "def count_down(n):\n    return list(range(n, {k} - 1, -1))\n",
        ("-1", "1", "3", "6"),
        {"k": (0, 1, 2)},
    ),
    Task(
        "Write `multiples(n)`: a list of the first n multiples of {k}, from {k} on.",
        "def multiples(n):\n    return [{k} * i for i in range(1, n + 1)]\n",
        ("0", "1", "4"),
        {"k": _SMALL},
    ),
    Task(
        "Write a function `without_duplicates(items)` that returns a list without duplicates: of equal items the "
        "{word} one stays, "
        "in the order of the list.",
        "def without_duplicates(items):\n    if {word!r} == 'first':\n        return list(dict.fromkeys(items))\n"
        "    return list(dict.fromkeys(items[::-1]))[::-1]\n",
        ("[]", "[1, 2, 1, 3, 2]", "['b', 'a', 'b']"),
        {"word": ("first", "last")},
    ),
    Task(
        "Write `fizz(n)`: '{a}' if n is a multiple of 3, '{b}' if it is one of 5, '{a}{b}' if of both, else n as "
        "a string.",
        "def fizz(n):\n    return ('{a}' * (n % 3 == 0) + '{b}' * (n % 5 == 0)) or str(n)\n",
        ("1", "9", "10", "30"),
        {"a": ("Fizz", "Ping", "Tick"), "b": ("Buzz", "Pong", "Tock")},
    ),
    Task(
        "Write a function `to_{word}(minutes)` that turns a whole number of minutes into a string like '2h05' "
        "(hours, the letter h, "
        "minutes in two digits), after adding {k} minutes.",
        "def to_{word}(minutes):\n    minutes += {k}\n    return f'{{minutes // 60}}h{{minutes % 60:02d}}'\n",
        ("0", "59", "65", "600"),
        {"word": ("clock", "hours"), "k": (0, 5, 30)},
    ),
    Task(
        "Write `celsius(f)`, which turns degrees Fahrenheit into Celsius, rounded to {k} decimals.",
        "def celsius(f):\n    return round((f - 32) * 5 / 9, {k})\n",
        ("32", "212", "100", "-40"),
        {"k": (2, 3, 4)},
    ),
    Task(
        "Write a function `initials(name)` that returns the first letters of the words of a name, in upper case, "
        "with '{c}' after each.",
        "def initials(name):\n    return ''.join(word[0].upper() + '{c}' for word in name.split())\n",
        ("'ada lovelace'", "'Grace'", "'john von neumann'"),
        {"c": (".", "-", "*")},
    ),
    Task(
        "Write `lookup(table, key)`: the value that a dictionary has for a key, or {k} if it has none.",
        "def lookup(table, key):\n    return table.get(key, {k})\n",
        ("{}, 'a'", "{'a': 5}, 'a'", "{'a': 5, 'b': 6}, 'c'", "{'a': None}, 'a'"),
        {"k": (-1, 0, 100)},
    ),
    Task(
        "Write a function `swap(table)` that returns a dictionary with keys and values exchanged, without the "
        "pairs whose value is {k}.",
        "def swap(table):\n    return {{value: key for key, value in table.items() if value != {k}}}\n",
        ("{}", "{'a': 1, 'b': 2}", "{'x': 3, 'y': 4, 'z': 1}"),
        {"k": (1, 2, 3, 4)},
    ),
    Task(
        "Write `letter_counts(text)`, which returns a dictionary from each letter of the text that occurs at "
        "least {k} times to its count. "
        "Spaces do not count.",
        "def letter_counts(text):\n    return {{c: text.count(c) for c in text if c != ' ' and text.count(c) >= "
        "{k}}}\n",
        _WORDS,
        {"k": (2, 3)},
    ),
    Task(
        "Write a function `is_palindrome(text)`: whether a text reads the same backwards, leaving out spaces{word}.",
        "def is_palindrome(text):\n    text = text.replace(' ', '')\n"
        "    text = text.lower() if 'case' in {word!r} else text\n    return text == text[::-1]\n",
        ("''", "'nurses run'", "'Anna'", "'never odd'"),
        {"word": (", where A and a differ", " and the case of letters")},
    ),
    Task(
        "Write `nth_largest(numbers)`: the {word} largest number of a list, where equal numbers count once; None "
        "if there is none.",
        "def nth_largest(numbers):\n    found = sorted(set(numbers), reverse=True)\n"
        "    place = {word!r} == 'third' and 2 or 1\n    return found[place] if len(found) > place else None\n",
        _NUMBERS,
        {"word": ("second", "third")},
    ),
    Task(
        "Write a function `chunks(items)` that splits a list into lists of {k} items; the last one may be shorter.",
        "def chunks(items):\n    return [items[i : i + {k}] for i in range(0, len(items), {k})]\n",
        ("[]", "[1]", "[1, 2, 3, 4, 5, 6, 7]"),
        {"k": (2, 3, 4)},
    ),
    Task(
        "Write `rotate(items)`, which returns a list whose items have moved {k} places to the {word}; those that "
        "fall off come back at "
        "the other end.",
        "def rotate(items):\n    if not items:\n        return []\n    k = {k} % len(items)\n"
        "    k = k if {word!r} == 'left' else len(items) - k\n    return items[k:] + items[:k]\n",
        ("[]", "[1]", "[1, 2, 3, 4, 5]", "[1, 2]"),
        {"k": (2, 3, 4), "word": ("left", "right")},
    ),
    Task(
        "Write a function `running(numbers)` that returns the list of running {word} of a list of numbers.",
        "def running(numbers):\n    found = []\n    for n in numbers:\n        last = found[-1] if found else None\n"
        "        best = {{'sums': lambda: last + n, 'maxima': lambda: max(last, n), 'products': lambda: last * n}}\n"
        "        found.append(n if last is None else best[{word!r}]())\n    return found\n",
        _NUMBERS,
        {"word": ("sums", "maxima", "products")},
    ),
    Task(
        "Write `caesar(text)`: a text whose small letters a to z are moved {k} places on in the alphabet, from z "
        "on to a again. "
        "All else stays.",
        "def caesar(text):\n    return ''.join(chr((ord(c) - 97 + {k}) % 26 + 97) if 'a' <= c <= 'z' else c for c "
        "in text)\n",
        ("''", "'abc'", "'xyz!'", "'Hello World'"),
        {"k": (2, 3, 5, 13)},
    ),
)
