"""How to try a key: a request of it for a terminal, at a model that it may ask for here."""

import shlex
from typing import Final

import msgspec

from weighbridge.accounts.keys import Key
from weighbridge.app import local_models
from weighbridge.app.live import live
from weighbridge.catalog.model import Catalog
from weighbridge.config import Settings
from weighbridge.web.visit import Visit

_USUAL: Final = "qwen/qwen2.5-coder-0.5b-instruct"
"""Where nothing is known that can be asked here."""


def model_for(key: Key, settings: Settings, catalog: Catalog) -> str:
    """One of this machine's own, if the key may ask for it; else one that it names; else one that can be called."""
    here = live(settings)
    own = [model for model in local_models.that_write(settings) if model in here.local]
    named = [model for model in key.models or () if not model.endswith("/*")]
    others = (
        model.id
        for model in catalog.models.values()
        if "text" in (model.output_modalities or ("text",))
        and any(here.serves(endpoint) for endpoint in model.endpoints)
    )
    return next((model for model in (*own, *named, *others, _USUAL) if key.admits(model)), _USUAL)


def tried_with(visit: Visit, key: Key, secret: str) -> str:
    """A request of the key, for a terminal of this machine."""
    parts = visit.parts
    return curl(parts.gateway.base_url, secret, model_for(key, parts.settings, parts.catalog()))


def curl(url: str, secret: str, model: str) -> str:
    """The request, for a shell."""
    body = msgspec.json.encode({"model": model, "messages": [{"role": "user", "content": "Say hello"}]}).decode()
    return (
        f"curl {url}/v1/chat/completions \\\n  -H 'Authorization: Bearer {secret}' \\\n"
        f"  -H 'Content-Type: application/json' \\\n  -d {shlex.quote(body)}"
    )
