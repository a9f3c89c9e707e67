"""Signatures are those of Standard Webhooks: an implementation that is not ours takes them."""

import base64
from datetime import UTC, datetime

import openai
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.alerts.receiver import Message
from weighbridge.alerts import signature


def signed(secret: str, body: bytes, *, by: str | None = None) -> Message:
    """A message as it is sent."""
    return Message("/", signature.headers(signature.keys_of(by or secret), "evt-1", datetime.now(UTC), body), body)


# The example of the specification's own test suites:
# https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/python/tests/test_webhooks.py
def test_a_known_message_has_the_known_signature() -> None:
    keys = signature.keys_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature.headers(
        keys, "msg_p5jXN8AQM9LWM0D4loKWxJek", datetime.fromtimestamp(1614265330, UTC), b'{"test": 2432232314}'
    )
    assert made == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@settings(deadline=None)
@given(st.text().map(str.encode), st.binary(min_size=24, max_size=64))
def test_others_verify_what_is_signed(body: bytes, key: bytes) -> None:
    secret = signature.PREFIX + base64.b64encode(key).decode()
    signed(secret, body).verify(secret)


def test_others_refuse_another_body_secret_or_id() -> None:
    secret = signature.new_secret()
    message = signed(secret, b"{}")
    changed = {"webhook-id": "evt-2", "webhook-timestamp": str(int(message.headers["webhook-timestamp"]) - 1)}
    for forged in (
        Message("/", message.headers, b"{ }"),
        *(Message("/", {**message.headers, name: value}, b"{}") for name, value in changed.items()),
    ):
        with pytest.raises(openai.InvalidWebhookSignatureError):
            forged.verify(secret)
    with pytest.raises(openai.InvalidWebhookSignatureError):
        message.verify(signature.new_secret())


def test_while_a_secret_is_changed_both_hold() -> None:
    old, new = signature.new_secret(), signature.new_secret()
    message = signed(new, b"{}", by=f"{new} {old}")
    message.verify(old)
    message.verify(new)


@pytest.mark.parametrize(
    "secret", ["whsec_", "whsec_AAAA", "not base64!", "whsec_" + base64.b64encode(b"x" * 65).decode()]
)
def test_what_is_no_secret_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match="weighbridge alerts secret"):
        signature.keys_of(f"{signature.new_secret()} {secret}")
