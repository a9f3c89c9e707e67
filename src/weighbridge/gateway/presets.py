"""A request with what its preset and its key add to it: what it says itself comes first, then its preset, then its key.

A preset is named by the model (`cheap-coder`, `@preset/cheap-coder`, `model@preset/cheap-coder`), by OpenRouter's field
`preset`, or by the key, for requests for text that name none.
"""

from typing import Final

import msgspec

from weighbridge.accounts.defaults import NO_DEFAULTS
from weighbridge.accounts.keys import Key
from weighbridge.catalog.model import Catalog
from weighbridge.errors import BadRequest
from weighbridge.gateway.default_model import DefaultModel
from weighbridge.gateway.wishes import Wishes
from weighbridge.routing.admission import lower
from weighbridge.routing.names import Names, Preset
from weighbridge.wire import splice, steering
from weighbridge.wire.decoding import UNREADABLE
from weighbridge.wire.defaults import with_defaults
from weighbridge.wire.surface import Asked, Surface


class _Naming(msgspec.Struct):
    """What of a request that cannot be read yet names its preset."""

    model: str | None = None
    preset: str | None = None


_naming: Final = msgspec.json.Decoder(_Naming)


class Reading(msgspec.Struct, frozen=True):
    """How requests are read, with what they leave open."""

    names: Names
    catalog: Catalog
    key: Key
    surface: Surface
    default_model: DefaultModel | None

    def read(self, body: bytes) -> tuple[Asked, Preset | None]:
        """The request, and its preset. Raises BadRequest, and UnknownModel for a preset that there is not."""
        try:
            asked = steering.read(self.surface, body)
        except BadRequest as exc:
            return self._mended(body, exc)
        preset = self.preset(asked.call.model, asked.preset)
        for name in asked.fallbacks:
            if self.names.preset_in(name, self.catalog) is not None:
                raise BadRequest(
                    f"models: {name!r} is a preset, and a preset comes first or not at all", param="models"
                )
        if preset is None or preset.defaults is None:
            return asked, preset
        return steering.read(self.surface, self._filled(body, preset)), preset

    def _mended(self, body: bytes, fault: BadRequest) -> tuple[Asked, Preset | None]:
        """The same for a request that lacks what its preset, its key or the settings add. Raises the fault if not."""
        try:
            naming = _naming.decode(body)
        except UNREADABLE:
            raise fault from None
        model = naming.model
        preset = self.preset(model or "", naming.preset if self.surface.dialect == "openrouter" else None)
        if fault.param == "model" and not model:
            if preset is not None and preset.models:
                body = splice.inserted(body, "model", msgspec.json.encode(f"@preset/{preset.name}"))
            elif self.default_model is not None:
                body = self.default_model.given(body, fault)
            else:
                raise fault
        elif preset is None or preset.defaults is None:
            raise fault
        return steering.read(self.surface, body if preset is None else self._filled(body, preset)), preset

    def preset(self, model: str, field: str | None = None) -> Preset | None:
        """The one that is named by the model, the request's field, or the key. Raises as `read` does."""
        preset = self.names.preset_in(model, self.catalog)
        if field is not None:
            said = self.names.preset(field.removeprefix("@preset/"))
            if preset is not None and preset is not said:
                raise BadRequest(f"preset: {field!r} is not the preset of the model {model!r}", param="preset")
            return said
        usual = self.key.defaults.preset
        if preset is None and usual is not None and self.surface.dialect is not None:
            return self.names.preset(usual)
        return preset

    def _filled(self, body: bytes, preset: Preset) -> bytes:
        defaults, dialect = preset.defaults, self.surface.dialect
        if defaults is None:
            return body
        if dialect is None:
            raise BadRequest(f"the preset {preset.name!r} is for text: it says how an answer is written", param="model")
        return with_defaults(body, defaults, dialect, f"the preset {preset.name!r}")


def add_wishes(asked: Asked, wishes: Wishes, preset: Preset | None, key: Key) -> Wishes:
    """What is wished for, by the request, its preset or its key; the providers' and the priority's go to `asked`."""
    defaults = key.defaults
    if preset is None and defaults is NO_DEFAULTS:
        asked.priority = wishes.priority
        return wishes
    ours = preset or _NONE
    asked.preferences = asked.preferences or ours.provider or defaults.provider
    priority = wishes.priority or ours.priority or defaults.priority
    if defaults.most_priority is not None:
        priority = lower(priority or "normal", defaults.most_priority)
    asked.priority = priority
    return msgspec.structs.replace(
        wishes,
        priority=priority,
        cache=wishes.cache or ours.cache,
        resume=ours.resume if wishes.resume is None else wishes.resume,
        hedge=ours.hedge if wishes.hedge is None else wishes.hedge,
    )


_NONE: Final = Preset("")
