"""QQ numbers: 5 to 11 digits that a cue announces or names afterwards."""

import re
from typing import Final

from app.domain.contact_details import labels
from app.domain.contact_details.kinds import DetailKind, Found, Rule
from app.patterns import compile_later

_NO_PERSON: Final = (
    r"(?!音乐|空间|浏览器|游戏|飞车|群|农场|会员|炫舞|堂|秀|输入法|影音|旋风|阅读|宠物|国际|频道|小程序)"
)
_CUE: Final = compile_later(
    rf"(?:(?<![A-Za-z0-9_])q ?q(?![A-Za-z0-9_\-]|(?<=q)[a-z]){_NO_PERSON}|(?:扣扣|抠抠|叩叩|蔻蔻|企鹅|"
    rf"球球|秋秋|丘丘|求求|🐧){_NO_PERSON}"
    r"|(?<![A-Za-z0-9_])q号|扣号|(?<=加)扣|(?<![\u4e00-\u9fff])扣(?= ?:)"
    r"|(?<![A-Za-z0-9_.])(?<![A-Za-z] )q(?= ?:)|(?<=[加+➕我的])q(?![A-Za-z0-9_])|"
    r"(?<![A-Za-z0-9_])(?:qq(?=[1-9]\d{4,10}(?![A-Za-z0-9_]))|q(?=[1-9]\d{5,10}(?![A-Za-z0-9_]))))",
    re.IGNORECASE,
)
_FILLER: Final = (
    r"(?:[\s:=\-—~,。.!?、()\[\]【】\"'“”「」→•*/+&]|号码?|账号|帐号|码|id|是|为|也|都|就|的|我|吧|哈|"
    r"呢|哦|啊|呀|这个?|给你|给您|发你|发您|"
    r"加我?|搜索?|邮箱|或者?|和|跟|与|及|还有|没变|微信|薇信|[vw]x|wechat|电话|手机号?|同号|同步|同|"
    r"一样|个|小号|现在|目前|在用|常用|联系|可以|好友|一下|多少)"
)
_GAP: Final = compile_later(rf"{_FILLER}{{0,10}}+", re.IGNORECASE)
_DIGITS: Final = compile_later(r"[1-9]\d{4,10}(?!\d|[A-Za-z_]|\.\d|[ ]?(?:元|块|万|人|个|年|月|分))")
_SPACED_DIGITS: Final = compile_later(r"[1-9]\d{0,3}(?:[ \-]\d{1,4}){1,10}(?![ \-]?\d)")
_AFTER_GAP: Final = (
    r"[\s,。;()\[\]【】\-—~:]{0,3}(?:这个?|那个?)?(?:也|就)?(?:是|为)?"
    r"(?:我|俺|本人|咱)?(?:的|个人|常用|工作)?[\s(\[【]?"
)
_NAMED_AFTER: Final = compile_later(
    rf"(?<![A-Za-z0-9_.\-+])(?P<number>[1-9]\d{{4,10}})(?P<gap>{_AFTER_GAP})(?:微信)?[/、和 ]?"
    rf"(?:qq|扣扣|企鹅|🐧|q号)(?:号码?)?{_NO_PERSON}(?P<rest>[^A-Za-z0-9_])?",
    re.IGNORECASE,
)
_QUESTION_AFTER: Final = compile_later(r" ?(?:号码?)?(?:多少|几|有吗|没有|没|不|呢|发我|[: ]{0,2}\d)")
_NEGATED: Final = compile_later(r"(?:没有?|不用|不玩|不加|不是|别加|无)(?:我的?)?$")
_SHORTEST: Final = 5
_LONGEST: Final = 11


def _number_at(text: str, start: int) -> tuple[str, int] | None:
    match = _DIGITS.match(text, start)
    if match is not None:
        return match[0], match.end()
    spaced = _SPACED_DIGITS.match(text, start)
    if spaced is None:
        return None
    digits = re.sub(r"\D", "", spaced[0])
    return (digits, spaced.end()) if _SHORTEST <= len(digits) <= _LONGEST else None


def _announced(text: str) -> list[Found]:
    found: list[Found] = []
    for cue in _CUE.finditer(text):
        if _NEGATED.search(labels.before(text, cue.start(), 6)):
            continue
        gap = _GAP.match(text, cue.end())
        number = _number_at(text, gap.end() if gap else cue.end())
        if number is not None and gap is not None and not labels.is_void(text, gap.end(), number[1]):
            found.append(Found(DetailKind.QQ, number[0], gap.end(), number[1], Rule.QQ_CUE, 0.95))
    return found


def _named_afterwards(text: str, taken: set[int]) -> list[Found]:
    found: list[Found] = []
    for match in _NAMED_AFTER.finditer(text):
        start, end = match.span("number")
        if start in taken or _QUESTION_AFTER.match(labels.after(text, match.end() - len(match["rest"] or ""))):
            continue
        if labels.numbers_something_else(text, start) or labels.is_void(text, start, end):
            continue
        found.append(Found(DetailKind.QQ, match["number"], start, end, Rule.QQ_CUE_AFTER, 0.9))
    return found


def find_qq(masked: str) -> list[Found]:
    """The QQ numbers of a masked text."""
    announced = _announced(masked)
    return announced + _named_afterwards(masked, {found.start for found in announced})
