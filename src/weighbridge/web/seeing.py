"""What an admin may see: the keys of its scope; of a member, its own."""

from weighbridge.accounts import keys
from weighbridge.accounts.admins import Admin
from weighbridge.accounts.keys import Key
from weighbridge.db import Connection


def keys_seen(connection: Connection, admin: Admin) -> dict[str, Key]:
    """By their ids, revoked ones too. Every page that shows usage, requests or keys goes by it. Raises db.Error."""
    return {key.id: key for key in keys.listing(connection) if _sees(admin, key)}


def _sees(admin: Admin, key: Key) -> bool:
    place = key.labels
    return admin.scope.has(place.organisation, place.project) and (admin.role != "member" or key.member == admin.id)
