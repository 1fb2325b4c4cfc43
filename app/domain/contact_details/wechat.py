"""WeChat accounts: tokens, spaced-out IDs and numbers that cues announce or name afterwards."""

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import Final

from app.domain.contact_details import labels, links, same_number, shapes
from app.domain.contact_details.cues import Cue, Strength, find_cues
from app.domain.contact_details.kinds import NOTE_INTERNAL_ID, DetailKind, Found, Rule
from app.domain.contact_details.links import Link
from app.domain.contact_details.shapes import Token
from app.patterns import compile_later

_CUES_LOOKED_AT: Final = 3
_LONGEST_JOINT: Final = 16
"""Characters that may join two IDs, as in “abc123 或者 abc456”."""
_LONGEST_BARE: Final = 60
"""Characters of a message that is one ID and politeness."""

_AFTER_SIGNS: Final = r"[\s,,。;()\[\]【】「」\-—~:→←↑•\"'”/|=!]"
_AFTER_GAP: Final = compile_later(
    rf"(?:{_AFTER_SIGNS}|这个?|那个?|上面|上边|以上|前面|就|是|为|也|我|俺|偶|本人|的|个人|私人|工作|"
    rf"小号|可以|可|能|请|麻烦|直接|你|您|到时|都|或者?|和|同|"
    r"号码?|电话|手机|方便|加一下|加下|打开|到|去|在|就能|就可以|能|到|加|搜|用|下划线|横杠|it's|is|my|on|this|that|"
    r"in|via){0,9}",
    re.IGNORECASE,
)
_EXPLICIT: Final = compile_later(r"是|为|[(\[【「=←↑]|上面|上边|以上|\bis\b|\bmy\b|\bon\b")
_AFTER_CUE: Final = compile_later(
    r"(?:上|里)?(?:号码?|账号|id)?\s*(?:$|[,,。.!?;、~…)\]】」\"'”\n•❤|/(]|—|--|哈|哦|噢|喔|啊|呀|吧|啦|"
    r"呢|嘛|的|了|联系|沟通|聊|都|均|也|一样|同|"
    r"搜(?!不)|请|麻烦|记得|拉|咨询|了解|详|验证|即可|就|加|谢|可以|可|能|备注|通用|一起|方便|随时|直接|您|你|"
    r"有事|电话|手机|qq|thanks|thx|pls|please)",
    re.IGNORECASE,
)
_AFTER_CUE_NOT: Final = compile_later(
    r"[\s(]{0,2}(?:号码?|账号|id)?(?:是|呢|的|你|您|方便|可以){0,2}(?:多少|几|吗|么|没|无|不(?!懂)|别|"
    r"是什么|什么|发我|给我|好友|里|留|告诉|被|有吗|哪|\?|同号?(?:吗|么|\?))"
)
_LEFT_FREE: Final = compile_later(r"(?:^|[\s,,。.:;!?~\n(\[【「\"'“•、→]|是|号|下|制|索|吧|的|用|搜|加|我|了|码)$")
_PHONE_LABEL: Final = compile_later(
    r"(?:电话|手机|tel|phone|mobile|call)(?:号码?)?[\s:是为】\]」]{0,3}$", re.IGNORECASE
)
_ALTERNATIVE: Final = compile_later(
    r"[\s,。;]*(?:、|/|或者?是?|和|及|以及|还有|另外|or|and|(?=小|备|另|私|工|生|"
    r"大))[\s,]*(?:我的?)?(?:小号|大号|备用号?|另一个|这个|工作号?|私人号?|生活号?)?[\s是:]*",
    re.IGNORECASE,
)
_MERE_AMOUNT: Final = compile_later(r"\s?(?:元|块|万|人|个|条|次|步|年|月|日|号(?!是)|k|w|分|岁|%|多)", re.IGNORECASE)
_DATE: Final = compile_later(r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])?")
_CODE: Final = compile_later(
    r"变量|分量|坐标|字段|函数|参数|=>|[;{}]\s*(?:$|\n)|\(\)|==|!=|</|(?<![A-Za-z])(?:const|let|var|def|"
    r"import|function|select|return|npm|pip3?|docker|git|curl|kubectl"
    r"|print|echo|sudo|cd|export|async|await)\s+[A-Za-z_{*\-]",
    re.IGNORECASE,
)
_BARE: Final = compile_later(
    r"[^A-Za-z0-9\u4e00-\u9fff\ufffc]*(?:(?:好的?|嗯+|可以的?|行|ok|okay|哦+|您好|你好|收到|在的?|"
    r"没问题|给你|给您|发你|发您)[\s,,。!~•]+){0,2}"
    r"(?P<token>[A-Za-z][A-Za-z0-9_\-]{5,19})(?:[^A-Za-z0-9\u4e00-\u9fff\ufffc]|谢谢|哈|哦|吧|呢|的){0,6}",
    re.IGNORECASE,
)
_INTERNAL: Final = compile_later(r"wxid_(?=[a-z0-9]*\d)[a-z0-9]{10,16}", re.IGNORECASE)
_STARTS_LIKE_A_CUE: Final = compile_later(r"(?:wx|vx|weixin|wechat)[_\-]?[A-Za-z0-9]{4,}", re.IGNORECASE)
_LABELLED_NUMBER: Final = compile_later(
    r"(?:v|vx|wx|weixin|wechat|tel|phone|mobile|call|qq)1[3-9]\d{9}|q[1-9]\d{5,10}|qq[1-9]\d{4,10}", re.IGNORECASE
)
_TOUCHING_CUE: Final = compile_later(r"(?:vx|wx|v|weixin|wechat)$", re.IGNORECASE)
_SEARCHABLE: Final = compile_later(r"[\s,]?(?:这个号)?(?:就|也|都)?(?:能|可以?)(?:直接)?(?:搜|加[到我上])")
_MINE: Final = compile_later(r"(?:我的?|俺的?|本人的?|加|的)\s?$")


@dataclass(slots=True)
class _Search:
    """The state of one walk through a message."""

    text: str
    phones: list[Found]
    qqs: list[Found]
    cues: list[Cue]
    code: bool
    cue_starts: list[int] = field(init=False)
    cue_ends: list[int] = field(init=False)
    used: set[int] = field(default_factory=set)
    found: list[Found] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cue_starts = [cue.start for cue in self.cues]
        self.cue_ends = [cue.end for cue in self.cues]

    def cues_before(self, position: int) -> list[Cue]:
        """The nearest usable cues that end at or before `position`, the strongest first."""
        last = bisect_right(self.cue_ends, position)
        near = self.cues[max(0, last - _CUES_LOOKED_AT) : last]
        usable = [cue for cue in near if self._usable(cue) and cue.start not in self.used]
        return sorted(usable, key=lambda cue: (-cue.strength, -cue.start))

    def cues_after(self, position: int) -> list[Cue]:
        """The next usable cues that begin at or after `position`, the strongest first."""
        first = bisect_left(self.cue_starts, position)
        near = self.cues[first : first + 2]
        return sorted((cue for cue in near if self._usable(cue)), key=lambda cue: (-cue.strength, cue.start))

    def _usable(self, cue: Cue) -> bool:
        if cue.negated or cue.strength is Strength.PRODUCT:
            return False
        return not self.code or cue.strength >= Strength.VARIANT or cue.named

    def add(self, token: Token, rule: Rule, confidence: float) -> None:
        """Keep a find."""
        internal = token.value.lower().startswith("wxid_")
        self.found.append(
            Found(
                DetailKind.WECHAT,
                token.value,
                token.start,
                token.end,
                rule,
                confidence,
                NOTE_INTERNAL_ID if internal else None,
            )
        )


def _accepts_letters(search: _Search, token: Token, cue: Cue, link: Link) -> tuple[Rule, float] | None:
    """Rule and confidence for a token of letters alone behind a cue, None if it is no ID."""
    text, gap = search.text, search.text[cue.end : token.start]
    if link is not Link.NARROW or not links.may_follow_letters(text, token.end):
        return None
    if shapes.is_technical(token.value) and not (cue.named and ":" in gap):
        return None
    pinyin = shapes.is_pinyin(token.value)
    if cue.strength <= Strength.ADD:
        return (Rule.WECHAT_WEAK_CUE, 0.55) if pinyin and cue.strength is Strength.ADD else None
    strong = links.is_strong(text, cue, token.start)
    whole_clause = links.starts_clause(text, cue.start) and links.ends_sentence(text, token.end)
    if "\n" not in gap and links.is_loose(text, cue.end, token.start):
        return (Rule.WECHAT_CUE, 0.6) if pinyin and (strong or cue.owned) else None
    if " is" in gap and not (pinyin or cue.owned):
        return None
    # A homophone needs two signs that it means WeChat, everything else one.
    signs = 2 * strong + cue.owned + pinyin + whole_clause - (cue.strength is Strength.VARIANT)
    return (Rule.WECHAT_CUE, 0.9 if strong else 0.75) if signs > 0 else None


def _is_doubtful(value: str) -> bool:
    return shapes.is_technical(value) or shapes.is_code(value) or shapes.is_compound_word(value)


def _reads_as_a_thing(search: _Search, token: Token, cue: Cue, link: Link) -> bool:
    """Whether a token with a digit, `_` or `-` behind a cue is rather a product or a name in a program."""
    text = search.text
    strong = links.is_strong(text, cue, token.start)
    weak = cue.strength <= Strength.ADD
    firm = strong and not weak and link is Link.NARROW
    wordlike = not any(map(str.isdigit, token.value))
    model_number = cue.strength is Strength.VARIANT and token.value.isupper() and not (strong or cue.owned)
    return (
        (_is_doubtful(token.value) and not firm)
        or (wordlike and not (strong or cue.owned) and not links.may_follow_letters(text, token.end))
        or model_number
        or (links.is_followed_by_technical_noun(text, token.end) and not (strong and cue.named))
        or (weak and (search.code or labels.names_something_else(text, token.start)))
    )


def _accepts_signed(search: _Search, token: Token, cue: Cue, link: Link) -> tuple[Rule, float] | None:
    """Rule and confidence for a token with a digit, `_` or `-` behind a cue, None if it is no ID."""
    if _reads_as_a_thing(search, token, cue, link):
        return None
    weak = cue.strength <= Strength.ADD
    if link is Link.EXPLAINED:
        sure = not weak and (cue.strength is not Strength.VARIANT or cue.owned or cue.named)
        sure = sure and (shapes.is_plausible_alone(token.value) or links.is_strong(search.text, cue, token.start))
        return (Rule.WECHAT_EXPLAINED, 0.7) if sure and links.ends_clause(search.text, token.end) else None
    if weak:
        return Rule.WECHAT_WEAK_CUE, 0.65
    if link is Link.WIDE:
        return Rule.WECHAT_CUE, 0.88
    return Rule.WECHAT_CUE, 0.98 if links.is_strong(search.text, cue, token.start) else 0.93


def _touching_latin(cue: Cue, token: Token) -> bool:
    """A Latin cue ends only where something stands between it and the ID."""
    return cue.end == token.start and not cue.named and cue.strength in {Strength.LATIN, Strength.LONE_V}


def _by_cue_before(search: _Search, token: Token) -> bool:
    accepts = _accepts_signed if shapes.has_sign(token.value) else _accepts_letters
    for cue in search.cues_before(token.start):
        link = links.between(search.text, cue, token.start)
        if link is Link.NONE or _touching_latin(cue, token):
            continue
        accepted = accepts(search, token, cue, link)
        if accepted is not None:
            search.add(token, *accepted)
            search.used.add(cue.start)
            return True
    return False


def _cue_after(search: _Search, end: int, labelled: bool) -> tuple[Cue, bool] | None:
    """The cue that names what ends at `end` afterwards, and whether it does so explicitly."""
    text = search.text
    for cue in search.cues_after(end):
        gap = text[end : cue.start]
        if not _AFTER_GAP.fullmatch(gap) or not _AFTER_CUE.match(text[cue.end : cue.end + 12]):
            continue
        if _AFTER_CUE_NOT.match(text[cue.end : cue.end + 12]):
            continue
        labels_the_next = labelled and gap.endswith(("【", "[", "「"))
        explicit = _EXPLICIT.search(gap) is not None and not labels_the_next
        if explicit or not _announces_another(search, cue, labelled):
            return cue, explicit
    return None


def _announces_another(search: _Search, cue: Cue, labelled: bool) -> bool:
    """Whether the cue rather belongs to an ID or number that follows it."""
    text = search.text
    start = links.after_filler(text, cue.end, wide=True)
    if not re.match(r"[A-Za-z0-9]{5}", text[start : start + 5]):
        return False
    return labelled or not links.is_loose(text, cue.end, start)


def _by_cue_after(search: _Search, token: Token) -> bool:
    text = search.text
    named = _cue_after(search, token.end, labelled=False)
    if named is None or not _LEFT_FREE.search(labels.before(text, token.start)):
        return False
    cue, explicit = named
    weak = cue.strength <= Strength.ADD
    if labels.names_something_else(text, token.start) and (weak or not explicit):
        return False
    doubtful = _is_doubtful(token.value)
    if doubtful and (weak or not explicit):
        return False
    if not shapes.has_sign(token.value) and (weak or not explicit):
        return False
    search.used.add(cue.start)
    if weak:
        search.add(token, Rule.WECHAT_WEAK_CUE_AFTER, 0.6)
    else:
        search.add(token, Rule.WECHAT_CUE_AFTER, 0.92 if explicit else 0.85)
    return True


def _as_alternative(search: _Search, token: Token) -> bool:
    """A second ID joined to the one just found (`abc123 或者 abc456`)."""
    if not search.found or not shapes.has_sign(token.value) or shapes.is_technical(token.value):
        return False
    gap = search.text[search.found[-1].end : token.start]
    if len(gap) > _LONGEST_JOINT or not _ALTERNATIVE.fullmatch(gap):
        return False
    search.add(token, Rule.WECHAT_ALTERNATIVE, 0.75)
    return True


def _by_itself(search: _Search, token: Token) -> bool:
    """A message that is nothing but one token, and WeChat's own `wxid_` names."""
    if _INTERNAL.fullmatch(token.value):
        search.add(token, Rule.WECHAT_INTERNAL, 0.85)
        return True
    text = search.text
    if _STARTS_LIKE_A_CUE.fullmatch(token.value) and _MINE.search(labels.before(text, token.start)):
        search.add(token, Rule.WECHAT_WEAK_CUE, 0.6)
        return True
    bare = _BARE.fullmatch(text) if len(text) <= _LONGEST_BARE else None
    if bare is None or search.code or not shapes.has_sign(token.value) or not shapes.is_plausible_alone(token.value):
        return False
    alone = text.strip(" \n。.!~,") == token.value
    search.add(token, Rule.WECHAT_BARE, 0.8 if alone else 0.6)
    return True


def _is_labelled_number(search: _Search, token: Token) -> bool:
    """A number with vx, tel or qq before it is a number, unless a Chinese cue makes all of it an ID."""
    if not _LABELLED_NUMBER.fullmatch(token.value):
        return False
    near = (cue for cue in search.cues_before(token.start) if cue.strength >= Strength.VARIANT)
    return all(links.between(search.text, cue, token.start) < Link.WIDE for cue in near)


def _token(search: _Search, token: Token) -> None:
    if labels.is_void(search.text, token.start, token.end) or _is_labelled_number(search, token):
        return
    rules = (_by_cue_before, _by_cue_after, _as_alternative, _by_itself)
    any(rule(search, token) for rule in rules)


def _number_link(search: _Search, start: int) -> tuple[Cue, Link] | None:
    for cue in search.cues_before(start):
        link = links.between(search.text, cue, start, number=True)
        if link >= Link.WIDE and cue.strength >= Strength.ADD:
            return cue, link
    return None


def _phone(search: _Search, phone: Found) -> None:
    """A phone number is an account too where a cue announces it or names it afterwards."""
    text = search.text
    token = Token(phone.value, phone.start, phone.end)
    if search.found and search.found[-1].start < phone.start < search.found[-1].end:
        return
    linked = _number_link(search, phone.start)
    if linked is not None:
        cue, link = linked
        search.used.add(cue.start)
        sure = cue.strength > Strength.ADD
        rule = Rule.WECHAT_CUE if sure else Rule.WECHAT_WEAK_CUE
        search.add(token, rule, (0.95 if link is Link.NARROW else 0.85) if sure else 0.7)
        return
    if _TOUCHING_CUE.search(labels.before(text, phone.start)) or _SEARCHABLE.match(labels.after(text, phone.end)):
        search.add(token, Rule.WECHAT_CUE, 0.85)
        return
    labelled = _PHONE_LABEL.search(labels.before(text, phone.start)) is not None
    named = _cue_after(search, phone.end, labelled)
    if named is not None and named[0].strength >= Strength.ADD:
        search.used.add(named[0].start)
        search.add(token, Rule.WECHAT_CUE_AFTER, 0.9 if named[1] else 0.8)


def _digits(search: _Search, token: Token) -> None:
    """A QQ number can be an account, where a cue says so plainly."""
    text = search.text
    if labels.is_void(text, token.start, token.end) or _MERE_AMOUNT.match(labels.after(text, token.end)):
        return
    linked = _number_link(search, token.start)
    if linked is not None and linked[0].strength >= Strength.LONE_V:
        cue, link = linked
        strong = links.is_strong(text, cue, token.start)
        dated = _DATE.fullmatch(token.value) is not None
        if links.ends_clause(text, token.end) and (
            strong or (not dated and link is Link.NARROW) or "qq" in text.lower()
        ):
            search.used.add(cue.start)
            search.add(token, Rule.WECHAT_CUE, 0.85 if strong else 0.75)
        return
    named = _cue_after(search, token.end, labelled=False)
    if named is not None and named[1] and named[0].strength >= Strength.LONE_V:
        search.used.add(named[0].start)
        search.add(token, Rule.WECHAT_CUE_AFTER, 0.8)


def _spaced_tokens(search: _Search) -> list[Token]:
    spaced: list[Token] = []
    for cue in search.cues:
        if cue.strength >= Strength.ADD and not cue.negated:
            token = shapes.spaced_out(search.text, links.after_filler(search.text, cue.end))
            if token is not None:
                spaced.append(token)
    return spaced


def _same_number(search: _Search) -> None:
    numbers = search.phones or search.qqs
    if not numbers:
        return
    for statement in same_number.statements(search.text):
        nearest = min(numbers, key=lambda found: _distance(found, statement))
        token = Token(nearest.value, nearest.start, nearest.end)
        search.add(token, Rule.WECHAT_SAME_NUMBER, 0.93)


def _distance(found: Found, statement: re.Match[str]) -> int:
    """Characters between a number and a statement; a number that stands before is preferred."""
    if found.end <= statement.start():
        return statement.start() - found.end
    return max(0, found.start - statement.end()) + 2


def find_wechat(masked: str, phones: list[Found], qqs: list[Found]) -> list[Found]:
    """The WeChat accounts of a masked text whose phone and QQ numbers are known."""
    search = _Search(masked, phones, qqs, find_cues(masked), code=_CODE.search(masked) is not None)
    for token in _spaced_tokens(search):
        search.add(token, Rule.WECHAT_SPACED_OUT, 0.75)
    phone_starts = {phone.start for phone in phones}
    candidates: list[tuple[int, str, Token | Found]] = [(phone.start, "phone", phone) for phone in phones]
    candidates += [(token.start, "token", token) for token in shapes.tokens(masked)]
    candidates += [
        (token.start, "digits", token) for token in shapes.digit_runs(masked) if token.start not in phone_starts
    ]
    for _, shape, candidate in sorted(candidates, key=lambda item: item[0]):
        if isinstance(candidate, Found):
            _phone(search, candidate)
        elif shape == "token":
            _token(search, candidate)
        else:
            _digits(search, candidate)
    _same_number(search)
    return search.found
