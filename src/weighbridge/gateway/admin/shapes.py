"""What the admin API takes and gives."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from weighbridge.accounts.defaults import Defaults
from weighbridge.accounts.keys import LONGEST_TAG
from weighbridge.accounts.roles import Role
from weighbridge.ledger.budgets.budget import Period, Scope, Unit

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""Without control characters."""
Models = Annotated[list[Name], Meta(min_length=1, max_length=1000)]
"""Ids, `lab/*` for all of a lab's."""
Tag = Annotated[str, Meta(min_length=1, max_length=LONGEST_TAG, pattern=r"^[ -+\--~]+$")]
Tags = Annotated[list[Tag], Meta(max_length=100)]
When = Annotated[datetime, Meta(tz=True)]


class KeepsText(msgspec.Struct, forbid_unknown_fields=True):
    """That prompts and answers of a key are kept, and for how long."""

    days: Annotated[int, Meta(ge=1, le=36_500)] = 30
    """No longer than `texts.retention_days`."""
    inputs: bool = False
    """Whether what is sent to be embedded or ranked is kept too."""


class KeyCreation(msgspec.Struct, forbid_unknown_fields=True):
    """A key to make. A member's is its own, and has a name, models and an end at most."""

    name: Name
    models: Models | None = None
    """What it may ask for; null: any model."""
    expires: When | None = None
    store: bool = False
    """Whether its responses may be kept here, prompts and answers."""
    keeps_text: KeepsText | None = None
    """Null: no text of its requests and answers is kept for the gateway's owner."""
    organisation: Name | None = None
    """Where it belongs; left out: where the admin key does."""
    project: Name | None = None
    tags: Tags = []
    defaults: Defaults | None = None
    member: Name | None = None
    """The id of the member's admin key whose it is to be."""


class KeyChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be else; what is left out stays as it is."""

    name: Name | UnsetType = UNSET
    models: Models | UnsetType | None = UNSET
    expires: When | UnsetType | None = UNSET
    store: bool | UnsetType = UNSET
    keeps_text: KeepsText | UnsetType | None = UNSET
    organisation: Name | UnsetType | None = UNSET
    project: Name | UnsetType | None = UNSET
    tags: Tags | UnsetType = UNSET
    defaults: Defaults | UnsetType | None = UNSET


class KeyRotation(msgspec.Struct, forbid_unknown_fields=True):
    """How the key is changed for another."""

    overlap_seconds: Annotated[int, Meta(ge=0, le=30 * 86_400)] = 0
    """How long the one until now opens as well."""


class AdminKeyCreation(msgspec.Struct, forbid_unknown_fields=True):
    """An admin key to make."""

    name: Name
    role: Role
    organisation: Name | None = None
    """All that it is to see; with `project`, that project of it. Left out: everything."""
    project: Name | None = None
    makes_keys: bool = False
    """Of a member: whether it may make keys for itself."""
    expires: When | None = None


class OrganisationSetting(msgspec.Struct, forbid_unknown_fields=True):
    """What holds for all keys of an organisation."""

    name: Name
    models: Models | None
    """What they may ask for, at most; null: whatever they may themselves."""


class ProjectSetting(msgspec.Struct, forbid_unknown_fields=True):
    """What holds for all keys of a project."""

    name: Name
    models: Models | None
    """What they may ask for, at most; null: whatever they may themselves."""
    organisation: Name | None = None
    """Whose project it is."""


class BudgetSetting(msgspec.Struct, forbid_unknown_fields=True):
    """So much of a unit, for whom, in which time."""

    scope: Scope
    unit: Unit
    period: Period
    amount: Annotated[int, Meta(ge=1)] | Decimal
    """US dollars, as a number or a text of digits; tokens; requests."""
    name: Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    """Whose: the name of the organisation, project or tag, a key's id, the client's word for its user; `*`: each of
    them has one of its own. Left out for `all`."""
    organisation: Name | None = None
    """Of a project: whose it is; left out: a project without an organisation, or, for `*`, those of any."""
    soft: Annotated[int, Meta(ge=1, le=100)] | None = None
    """Tell when so many percent of it are used."""
    hard: bool = True
    """Whether a request that it can't cover is refused."""
    shorten_to: Annotated[int, Meta(ge=1)] | None = None
    """Where an answer as long as it may be is not covered, a shorter one is asked for, of so many tokens at least."""


class BudgetUse(msgspec.Struct):
    """How a budget stands in its period, for one that it binds. Dollars are a text of digits."""

    subject: str
    """Who it is, of a budget for each; of projects `organisation/project`, where they have an organisation."""
    used: str | int
    in_advance: str | int
    """What workers have for the next requests."""
    left: str | int


class ListedBudget(msgspec.Struct):
    """A budget or limit. Dollars are a text of digits."""

    id: str
    scope: Scope
    organisation: str | None
    """Of a project: whose it is."""
    name: str
    unit: Unit
    period: Period
    amount: str | int
    soft: int | None
    hard: bool
    shorten_to: int | None
    created: datetime
    uses: list[BudgetUse]
    """Of those that have used any of it in this period, the hundred that have used most, the most used first."""
    others: int
    """How many have used some beside these; 100,000 are so many or more."""
    object: Literal["budget"] = "budget"


class UserToForget(msgspec.Struct, forbid_unknown_fields=True):
    """Of whom all that is kept is to be deleted."""

    user: Annotated[str, Meta(min_length=1, max_length=10_000)]
    """The user, as the client names it in its requests."""


class ForgottenUser(msgspec.Struct):
    """How many were deleted of each kind, and what stays."""

    texts: int
    responses: int
    chats: int
    cached: int
    """Answers that would have been given again."""
    every_cached: bool
    """Whether these are all there were, as entries name no users."""
    budgets: int
    """Budgets that were set for this user alone."""
    uses: int
    """What the user has used of budgets, by period."""
    entries: int
    """Of the ledger, which stay: they have no text."""
    unnamed: int
    """Responses and chat completions that stay, since they do not say whose they are."""
    in_log: bool
    """Whether a file's log may still hold what was deleted: ask again."""
    object: Literal["user.forgotten"] = "user.forgotten"


class BudgetQuery(msgspec.Struct):
    """Which of many is looked for."""

    subject: str | None = None
    """Of budgets for each of many: how this user, key, project or tag stands, and nobody else; keys by their ids."""


class BudgetList(msgspec.Struct):
    """All that the admin key sees, oldest first."""

    data: list[ListedBudget]
    object: Literal["list"] = "list"


class RemovedBudget(msgspec.Struct):
    """A budget that binds no more."""

    id: str
    deleted: bool = True
    object: Literal["budget.deleted"] = "budget.deleted"


class ListedKey(msgspec.Struct):
    """A key. The key itself nobody has but its holder."""

    id: str
    name: str
    ends_in: str
    models: list[str] | None
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    store: bool
    keeps_text: KeepsText | None
    organisation: str | None
    project: str | None
    tags: list[str]
    defaults: Defaults
    member: str | None
    object: Literal["key"] = "key"


class MadeKey(ListedKey):
    """A key that was just made, or changed for another: this once with the key itself."""

    key: str = ""


class ListedAdmin(msgspec.Struct):
    """An admin key."""

    id: str
    name: str
    ends_in: str
    role: Role
    organisation: str | None
    project: str | None
    makes_keys: bool
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    object: Literal["admin"] = "admin"


class MadeAdmin(ListedAdmin):
    """An admin key that was just made: this once with the key itself."""

    key: str = ""


class ListedNode(msgspec.Struct):
    """An organisation, or a project of one."""

    name: str
    organisation: str | None
    models: list[str] | None
    """What its keys may ask for, at most; null: whatever they may themselves."""
    created: datetime | None
    """When something was first set for it; null: only keys name it."""
    object: Literal["organisation", "project"]


class AuditRow(msgspec.Struct):
    """One change: who made it, when, and what was before and after it."""

    id: int
    at: datetime
    actor: str
    address: str | None
    action: str
    target: str
    organisation: str | None
    project: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    hash: str
    """SHA-256 over this row and the hash of the one before it."""
    object: Literal["audit_log.row"] = "audit_log.row"


class KeyPage(msgspec.Struct):
    """Some of the keys, oldest first."""

    data: list[ListedKey]
    first_id: str | None
    last_id: str | None
    has_more: bool
    object: Literal["list"] = "list"


class AdminPage(msgspec.Struct):
    """Some of the admin keys, oldest first."""

    data: list[ListedAdmin]
    first_id: str | None
    last_id: str | None
    has_more: bool
    object: Literal["list"] = "list"


class NodeList(msgspec.Struct):
    """All that the admin key sees, by name."""

    data: list[ListedNode]
    object: Literal["list"] = "list"


class AuditPage(msgspec.Struct):
    """Some of the audit log."""

    data: list[AuditRow]
    first_id: str | None
    last_id: str | None
    has_more: bool
    object: Literal["list"] = "list"


class PageQuery(msgspec.Struct):
    """Which page."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    after: str | None = None
    """The `last_id` of the page before."""


class KeyQuery(PageQuery):
    """Which keys."""

    organisation: str | None = None
    project: str | None = None
    member: str | None = None
    revoked: Literal["true", "false"] = "true"
    """Whether those too that were revoked."""


class AuditQuery(PageQuery):
    """Which rows."""

    order: Literal["asc", "desc"] = "desc"
    since: datetime | None = None
    action: str | None = None
    target: str | None = None
    actor: str | None = None
    organisation: str | None = None
    project: str | None = None
