"""Contact details in Chinese chat messages: WeChat accounts, mobile numbers, QQ numbers, e-mail addresses.

A message goes through five steps; each is a module of its own.

1. *Plain text* (`normalise`). Full-width, circled and emoji characters become plain ones, invisible ones go,
   traditional forms of cue words become simplified, 下划线 between ASCII characters becomes `_`. Chinese numerals
   become digits only in a run that is one whole mobile number. Every character keeps its place in the original.
2. *Masks* (`masks`). Links, files, IP addresses, versions, ID numbers, bank cards, runs of 12 and more digits
   and salary ranges are hidden; e-mail addresses are taken out at the same time.
3. *Numbers* (`phones`, `qq`). A mobile number is `1[3-9]` and nine digits, grouped as people group them, that no
   other digit or letter touches and no label makes the number of an order or a case. `phonenumbers` judges
   whether the range exists: an unknown range, or an unusual grouping, needs a word such as 电话 beside it.
   A QQ number needs a cue.
4. *WeChat* (`cues`, `links`, `shapes`, `same_number`, `wechat`). Cues are found first, each with a strength
   (微信 > homophones and wx > a lone v > 加我), compounds such as 微信支付 or 企业微信 swallow theirs. Then each
   token, phone and free-standing number asks, in this order: is there a cue before me with nothing but filler in
   between; with a short explanation in between that names no software, company or refusal (then I need a digit,
   `_` or `-`, and must end the clause); is there a cue after me; am I joined to the ID just found (或者, 小号);
   am I all there is. A cue belongs to one ID only: `abc123是我微信,138…是电话` leaves the phone a phone.
   Tokens of letters alone must be announced firmly (微信号, a colon, 是, 我的微信) or read as pinyin; names of
   software, devices, job codes and English compounds need a firm cue too.
   「同号」 and its relatives make the nearest phone, or else QQ number, an account as well; a question
   (同号吗?) or a denial (不同号) does not.
5. *One of each*. Of several finds of one value the surest stays; what the text calls void (不用了, 停机了) goes.

Everything is linear in the length of the message: patterns start behind boundaries and repeat possessively,
and contexts are windows of fixed width. No I/O, no clock, no state.
"""

from typing import Final

from app.domain.contact_details.cues import Strength, find_cues
from app.domain.contact_details.kinds import ContactDetail, DetailKind, Found, Rule
from app.domain.contact_details.masks import mask
from app.domain.contact_details.normalise import Normalised, normalise
from app.domain.contact_details.phones import find_phones
from app.domain.contact_details.qq import find_qq
from app.domain.contact_details.same_number import includes_qq
from app.domain.contact_details.wechat import find_wechat

__all__ = ["ContactDetail", "DetailKind", "Rule", "extract_contact_details", "mentions_wechat"]

_KEYWORD: Final = "微信号"


def _qqs(masked: str, phones: list[Found]) -> list[Found]:
    """The QQ numbers; a phone where the text says that QQ has the same number and names no other."""
    qqs = find_qq(masked)
    if qqs or not phones or not includes_qq(masked):
        return qqs
    phone = phones[0]
    return [Found(DetailKind.QQ, phone.value, phone.start, phone.end, Rule.QQ_SAME_NUMBER, 0.8)]


def _outside_ids(phones: list[Found], wechats: list[Found]) -> list[Found]:
    """The phones that are not merely digits of a longer WeChat ID (`zhang13800138000`)."""
    inside: set[int] = set()
    for account in wechats:
        inside.update(range(account.start + 1, account.end))
    return [phone for phone in phones if phone.start not in inside]


def _everything(plain: Normalised) -> list[Found]:
    masked, emails = mask(plain.text)
    phones = find_phones(masked, plain.written_out)
    qqs = _qqs(masked, phones)
    wechats = find_wechat(masked, phones, qqs)
    return [*emails, *_outside_ids(phones, wechats), *qqs, *wechats]


def _distinct(found: list[Found]) -> list[Found]:
    """One find for each kind and value, the surest; WeChat IDs and e-mail addresses compare without case."""
    best: dict[tuple[DetailKind, str], Found] = {}
    for one in found:
        key = (one.kind, one.value.lower())
        if key not in best or one.confidence > best[key].confidence:
            best[key] = one
    return sorted(best.values(), key=lambda one: (one.start, one.end, one.kind))


def extract_contact_details(text: str) -> tuple[ContactDetail, ...]:
    """Find the contact details that a person gives in a message.

    Args:
        text: The message as it was written, of any length and content.

    Returns:
        The details ordered by where they start, one for each kind and value. A phone number that is also the
        WeChat account stands there twice, once for each kind, with the same span.
    """
    plain = normalise(text)
    return tuple(
        ContactDetail(
            kind=one.kind,
            value=one.value,
            start=plain.starts[one.start],
            end=plain.ends[one.end - 1],
            rule=one.rule.value,
            confidence=one.confidence,
            note=one.note,
        )
        for one in _distinct(_everything(plain))
    )


def mentions_wechat(text: str) -> bool:
    """Whether a message speaks of somebody's WeChat account, given or not.

    True for 「方便留一下您的微信号吗」, 「你vx多少」, 「我没有微信」; false where only software is meant
    (微信支付, 企业微信, 微信小程序), unless the word 微信号 itself is there.
    """
    plain = normalise(text).text
    if _KEYWORD in plain:
        return True
    return any(
        cue.strength >= Strength.LONE_V and (cue.strength is not Strength.VARIANT or cue.owned or cue.named)
        for cue in find_cues(mask(plain)[0])
    )
