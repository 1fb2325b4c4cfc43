"""What an extraction gives back: kinds, details and the names of the rules."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class DetailKind(StrEnum):
    """The four kinds of contact details that are kept."""

    WECHAT = "wechat"
    PHONE = "phone"
    QQ = "qq"
    EMAIL = "email"


class Rule(StrEnum):
    """Stable names of the rules; they are stored with each saved detail."""

    EMAIL = "email"
    PHONE = "phone"
    PHONE_GROUPED = "phone_grouped"
    PHONE_WRITTEN_OUT = "phone_written_out"
    QQ_CUE = "qq_cue"
    QQ_CUE_AFTER = "qq_cue_after"
    QQ_SAME_NUMBER = "qq_same_number"
    WECHAT_CUE = "wechat_cue"
    WECHAT_SPACED_OUT = "wechat_spaced_out"
    WECHAT_EXPLAINED = "wechat_explained"
    WECHAT_CUE_AFTER = "wechat_cue_after"
    WECHAT_WEAK_CUE = "wechat_weak_cue"
    WECHAT_WEAK_CUE_AFTER = "wechat_weak_cue_after"
    WECHAT_ALTERNATIVE = "wechat_alternative"
    WECHAT_SAME_NUMBER = "wechat_same_number"
    WECHAT_BARE = "wechat_bare"
    WECHAT_INTERNAL = "wechat_internal"


NOTE_INTERNAL_ID: Final = "wxid_ is WeChat's own name for an account; perhaps not searchable"


@dataclass(frozen=True, slots=True)
class ContactDetail:
    """One contact detail found in a message.

    Attributes:
        kind: What it is.
        value: The detail itself: a mobile number as 11 digits, everything else as the person typed it
            (full-width and decorated characters made plain).
        start: Index of its first character in the original text.
        end: Index after its last character in the original text.
        rule: Stable name of the rule that found it, one of `Rule`.
        confidence: 0 to 1; how often a find of this rule is right.
        note: What an operator should know about it, or None.
    """

    kind: DetailKind
    value: str
    start: int
    end: int
    rule: str
    confidence: float
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A detail whose span still counts in the normalised text."""

    kind: DetailKind
    value: str
    start: int
    end: int
    rule: Rule
    confidence: float
    note: str | None = None
