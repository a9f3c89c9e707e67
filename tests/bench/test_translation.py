"""The summary of a translation's cost."""

from bench.translation import summary


def test_each_dialect_stands_beside_chat_of_the_same_round() -> None:
    rounds = [
        {"chat": 10.0, "messages": 11.0, "responses": 12.0},
        {"chat": 20.0, "messages": 23.0, "responses": 22.0},
        {"chat": 10.0, "messages": 12.0, "responses": 14.0},
    ]
    assert summary(rounds) == [
        "chat        10.00 µs a chunk  1.000 x chat",
        "messages    12.00 µs a chunk  1.150 x chat",
        "responses   14.00 µs a chunk  1.200 x chat",
    ]
