"""Keys: who may ask for models here; the admins above them; and the log of who changed what."""

from typing import Final

from weighbridge.web.pages.keys import admins, changing, history, listing, making, one, revoking, rotating
from weighbridge.web.visit import Place

PLACES: Final = (
    Place("/keys", listing.listing, may="key.read"),
    Place("/keys/new", making.asked, may="key.create"),
    Place("/keys/new", making.make, "POST", may="key.create"),
    Place("/keys/admins", admins.listing, may="admin.read"),
    Place("/keys/admins/new", admins.asked, may="admin.create"),
    Place("/keys/admins/new", admins.make, "POST", may="admin.create"),
    Place("/keys/admins/{id}/revoke", admins.sure, may="admin.revoke"),
    Place("/keys/admins/{id}/revoke", admins.revoke, "POST", may="admin.revoke"),
    Place("/keys/history", history.listing, may="audit.read"),
    Place("/keys/{id}", one.one, may="key.read"),
    Place("/keys/{id}/change", changing.asked, may="key.change"),
    Place("/keys/{id}/change", changing.change, "POST", may="key.change"),
    Place("/keys/{id}/rotate", rotating.asked, may="key.rotate"),
    Place("/keys/{id}/rotate", rotating.rotate, "POST", may="key.rotate"),
    Place("/keys/{id}/revoke", revoking.asked, may="key.revoke"),
    Place("/keys/{id}/revoke", revoking.revoke, "POST", may="key.revoke"),
)
