"""「微信同号」 and its many forms: the phone (or QQ) number of the message is the WeChat account too."""

import re
from collections.abc import Iterator
from typing import Final

from app.domain.contact_details import links, shapes
from app.patterns import compile_later

_WECHAT: Final = (
    r"(?:[微薇威维徽卫葳崴] ?(?:信|❤|芯|星|xin)|绿泡泡?|(?<![A-Za-z0-9])(?:v ?x|w ?x|we ?chat|wei ?xin|"
    r"[vw] ?[信❤])|(?<![A-Za-z0-9_])v|微(?=同|也)|薇(?=同|也))"
    r"(?:号码?|账号|帐号)?"
)
_NOUN: Final = r"(?:手机|电话|号码|联系电话|联系方式|号)"
_SAME: Final = compile_later(
    rf"(?:{_WECHAT}[ :]{{0,2}}(?:[和、/或跟与,] ?(?:电话|手机|qq|扣扣)号?)?(?:[也都]?是)?(?:与|和|"
    rf"跟)?(?:(?:这个|我|本)?{_NOUN}码?)?(?:是|也)?"
    r"(?:同(?![事学意时行城乡名群频款样有居])|一样|相同|通用|一致|不变)"
    r"|同(?:步)?(?:的)?(?:是)?" + _WECHAT + r"|(?<!陌生)(?<!不是)同(?:一个?)?号(?!段)"
    rf"|{_WECHAT} ?(?:也|就|都|便)?(?:是|即|=|为|用的?)(?:的)?(?:我|本人|这个?|那个?|此|该|同一个|一个|"
    rf"上面|以上|刚才|同|注册|绑定)*的?{_NOUN}码?(?!是)"
    rf"|{_WECHAT} ?(?:也|就|都|便)(?:是|用)(?:这个?|它|上面|同一个|一个)"
    rf"|(?:{_NOUN}|这个|这)(?:号|号码)?(?:也|就|都|便|同时)?(?:是|即|=|为|可以?|能|可?搜|当)(?:作|成|加|"
    rf"搜|到|搜到|搜索|添加|得到|我|的|到我|直接)*{_WECHAT}"
    rf"|{_WECHAT} ?(?:可以?|能|请|直接|就|也|你|您)*(?:用|搜索?|加|查|找|凭)(?:我|这个|这|上面|"
    rf"以上)?的?(?:手机|电话|号码)"
    rf"|{_WECHAT} ?(?:[和、/或跟与] ?)?(?:电话|手机|短信|qq)?(?:都|均|皆|也)(?:是|可|行|能|用|同|一样|ok)"
    r"|(?<![A-Za-z])same (?:as|number|no\b|for|on|with|we ?chat|[vw]x)"
    r"|also (?:my |on )?wechat|wechat,? (?:too|as well))",
    re.IGNORECASE,
)
_DENIED: Final = compile_later(r"(?:不|没|非|无|没有|别|你|您|您的|你的|not |no )$", re.IGNORECASE)
_ASKED: Final = compile_later(
    r"(?:步|号|的|码|是|上|这个|它)?(?:吗|么|嘛|不 ?[??]|没有[??]|吧?[??]|是多少|是什么|是哪个)"
)
_QQ_TOO: Final = compile_later(
    r"(?:qq|扣扣|企鹅)号?(?:[、/和,跟 ]{0,2}(?:微信|[vw]x|手机|电话)号?){0,2}"
    r"(?:都|全|也)?是?(?:同号|"
    r"一样|同一个?号|这个)"
    r"|(?:同号|一样)[^,。\n]{0,2}qq",
    re.IGNORECASE,
)


def statements(masked: str) -> Iterator[re.Match[str]]:
    """Every place where the text says, and neither denies nor asks, that the account has the same number."""
    for match in _SAME.finditer(masked):
        denied = _DENIED.search(masked[max(0, match.start() - 4) : match.start()])
        asked = _ASKED.match(masked[match.end() : match.end() + 6])
        if not (denied or asked or _announces_an_id(masked, match.end())):
            yield match


def _announces_an_id(masked: str, position: int) -> bool:
    """Whether an ID follows (微信就是这个 abc123), so that the words speak of it and not of a number."""
    start = links.after_filler(masked, position, wide=True)
    token = next(shapes.tokens(masked[start : start + shapes.LONGEST + 1]), None)
    return token is not None and token.start == 0


def includes_qq(masked: str) -> bool:
    """Whether the text says that the QQ number is the same one as well."""
    return _QQ_TOO.search(masked) is not None
