"""Wire shapes of the do-not-contact list."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from app.domain.identifiers import IdentifierKind
from app.schemas.common import Input, Output, Storable, WireMoment

MAX_IDENTIFIERS = 10_000
_MAX_REASON = 500

ReasonField = Annotated[
    Annotated[Storable, StringConstraints(strip_whitespace=True, max_length=_MAX_REASON)] | None,
    Field(description="原因 (reason, in words)", examples=["来电要求不再联系"]),
]


class EntryKind(StrEnum):
    """Kinds of entries; ``hash`` is what is left of an erased person."""

    PHONE = "phone"
    USER = "user"
    WECHAT = "wechat"
    QQ = "qq"
    EMAIL = "email"
    HASH = "hash"


class ProtectIn(Input):
    """Why a person is not to be contacted."""

    reason: ReasonField = None


class IdentifierIn(Input):
    """An identifier for the list."""

    kind: IdentifierKind = Field(description="类型 (kind)", examples=["phone"])
    value: Annotated[
        Annotated[Storable, StringConstraints(min_length=1, max_length=320)],
        Field(
            description="电话、<渠道 id>:<用户 id>、微信号、QQ 或邮箱 (phone, <bot id>:<user id>, WeChat, QQ, e-mail)",
            examples=["13800138000"],
        ),
    ]
    reason: ReasonField = None


class IdentifiersIn(Input):
    """Identifiers for the list, 1 to 10,000."""

    identifiers: Annotated[list[IdentifierIn], Field(min_length=1, max_length=MAX_IDENTIFIERS)]


class VerdictOut(Output):
    """What became of one identifier; in the order of the request."""

    kind: IdentifierKind = Field(examples=["phone"])
    value: str = Field(description="比较时所用的形式 (as it is compared)", examples=["+8613800138000"])
    status: Literal["added", "already_listed", "refused"] = Field(examples=["added"])
    error: str | None = Field(description="被拒绝的原因 (why it was refused)", examples=[None])
    contact_ids: list[int] = Field(description="因此受保护的联系人 (contacts protected by it)", examples=[[1000]])


class ListingOut(Output):
    """An answer for each identifier, and the sums."""

    added: int = Field(examples=[1])
    already_listed: int = Field(examples=[0])
    refused: int = Field(examples=[0])
    results: list[VerdictOut]


class EntryOut(Output):
    """An entry of the list."""

    id: int = Field(examples=[31])
    kind: EntryKind = Field(examples=["phone"])
    value: str = Field(
        description="标识;hash 为加盐散列 (identifier; a salted hash for hash)", examples=["+8613800138000"]
    )
    contact_id: int | None = Field(description="经由哪位联系人列入 (the contact it came through)", examples=[1000])
    reason: str | None = Field(examples=["来电要求不再联系"])
    created_at: WireMoment = Field(examples=["2026-03-05T10:30:00Z"])


class EntryPage(Output):
    """One page of the list."""

    total: int = Field(examples=[1])
    page: int = Field(examples=[1])
    page_size: int = Field(examples=[20])
    results: list[EntryOut]
