"""Who may do what: one table of roles and actions, and how far each reaches."""

from collections.abc import Mapping
from typing import Final, Literal

Role = Literal["owner", "admin", "auditor", "member"]
"""owner: everything, the admins too. admin: keys, projects, budgets and limits of its organisation or project. auditor:
reads all of that, the audit log and the usage, and changes nothing. member: its own keys and their usage."""

Action = Literal[
    "key.read",
    "key.create",
    "key.change",
    "key.rotate",
    "key.revoke",
    "project.read",
    "project.set",
    "budget.read",
    "budget.set",
    "policy.read",
    "policy.set",
    "switch.read",
    "switch.set",
    "usage.read",
    "text.read",
    "audit.read",
    "admin.read",
    "admin.create",
    "admin.revoke",
    "user.forget",
]

Reach = Literal["scope", "below", "own", "own, if it makes keys"]
"""scope: what lies within its organisation or project, or everything where it has none. below: the same, but not what
is set for that organisation or project itself: that is for those above. own: the keys that are the member's."""

RIGHTS: Final[Mapping[Action, Mapping[Role, Reach]]] = {
    "key.read": {"owner": "scope", "admin": "scope", "auditor": "scope", "member": "own"},
    "key.create": {"owner": "scope", "admin": "scope", "member": "own, if it makes keys"},
    "key.change": {"owner": "scope", "admin": "scope"},
    "key.rotate": {"owner": "scope", "admin": "scope", "member": "own, if it makes keys"},
    "key.revoke": {"owner": "scope", "admin": "scope", "member": "own"},
    "project.read": {"owner": "scope", "admin": "scope", "auditor": "scope"},
    "project.set": {"owner": "scope", "admin": "below"},
    "budget.read": {"owner": "scope", "admin": "scope", "auditor": "scope"},
    "budget.set": {"owner": "scope", "admin": "below"},
    "policy.read": {"owner": "scope", "admin": "scope", "auditor": "scope"},
    "policy.set": {"owner": "scope"},
    "switch.read": {"owner": "scope", "admin": "scope", "auditor": "scope"},
    "switch.set": {"owner": "scope"},
    "usage.read": {"owner": "scope", "admin": "scope", "auditor": "scope", "member": "own"},
    "text.read": {"owner": "scope", "member": "own"},
    "audit.read": {"owner": "scope", "admin": "scope", "auditor": "scope"},
    "admin.read": {"owner": "scope", "admin": "scope", "auditor": "scope"},
    "admin.create": {"owner": "scope"},
    "admin.revoke": {"owner": "scope"},
    "user.forget": {"owner": "scope"},
}
"""A role that an action does not name may not do it."""
