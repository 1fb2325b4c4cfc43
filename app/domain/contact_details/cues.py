"""Words that announce a WeChat account, and where they stand in a text.

Five strengths, strongest first:

* `CANONICAL`: 微信 itself and its Chinese nicknames that mean nothing else (绿泡泡, 薇❤).
* `VARIANT`: homophones that are also ordinary words (卫星, 威信, a lone 薇).
* `LATIN`: wx, vx, weixin, wechat.
* `LONE_V`: a single v where only WeChat can be meant (加v, v:).
* `ADD` and `REACH`: weak ones, 加我 and 联系我, that name no product at all.

`PRODUCT` swallows compounds such as 微信支付 or 企业微信, which speak of software, not of a person's account.
"""

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from app.patterns import compile_later


class Strength(IntEnum):
    """How surely a cue means a WeChat account."""

    PRODUCT = 0
    REACH = 1
    ADD = 2
    LONE_V = 3
    LATIN = 4
    VARIANT = 5
    CANONICAL = 6


@dataclass(frozen=True, slots=True)
class Cue:
    """One cue in the masked text.

    Attributes:
        start: Index of its first character.
        end: Index after its last character, a following 号 or ID included.
        strength: How surely it means a WeChat account.
        named: A word for "account number" (号, ID) belongs to it.
        owned: 我, 加 or the like stands before it.
        negated: The text says that there is none, or that it is not to be used.
    """

    start: int
    end: int
    strength: Strength
    named: bool
    owned: bool
    negated: bool


_BETWEEN: Final = r"[ .\-_*/·•丨|+~]?"
_WEI: Final = r"[微薇威维徽卫葳崴巍魏]"
_XIN: Final = r"(?:信|❤|芯|xin|亻言|㐰|[Xx](?![A-Za-z0-9]))"
_PRODUCTS: Final = (
    r"小程序|小游戏|支付|公众|开放平台|服务号|订阅号|红包|转账|付款|收款|钱包|零钱|朋友圈|视频|语音|"
    r"读书|运动|步数|群|客服|开发|生态|授权|登[录陆]|扫[码一]|二维码|聊天(?:记录|工具|机器人|框|软件)|"
    r"机器人|"
    r"电商|商城|商家|商户|营销|运营|推广|团队|事业|指数|版本|版|端|接口|对接|平台|团购|内测|文件|昵称|"
    r"头像|名(?!片)|"
    r"签名|状态|广告|直播|看一看|搜一搜|输入法|浏览器|安全中心|记录|截图|账单|封号|"
    r" ?(?:sdk|api|pay|mini ?program|web|work|bot|bots|app|official|group|mp|js|login|oauth|"
    r"official account)"
    r"(?![A-Za-z0-9_\-])"
)
_NAMED: Final = r"(?: ?(?:的?(?:号码?|账号|帐号|ID|id|Id|号id)|好友|联系方式)(?![A-Za-z0-9_\-]|称|召|外|令|角))?"

_CUE: Final = compile_later(
    rf"(?P<product>(?:企业|政务|企业版)微信|企微|(?:微信|(?<![A-Za-z0-9_])(?:wechat|weixin|"
    rf"wx))(?:{_PRODUCTS})"
    r"|加v认证|微信(?:公司|里的?群))"
    rf"|(?P<canonical>微{_BETWEEN}{_XIN}|薇{_BETWEEN}(?:{_XIN}|心|星)|[徽葳崴]{_BETWEEN}{_XIN}|"
    rf"{_WEI} ?❤|{_WEI} ?xin(?![a-z])"
    r"|(?<![A-Za-z0-9])w[ei]{2} ?[信❤]|(?<![A-Za-z0-9])[vw]x? ?[信❤心芯]|某信|"
    r"绿(?:色的?)?(?:泡泡?|聊天?软件|软件|图标|标|app|聊)|小绿(?:泡|标)|🟢)"
    rf"|(?P<variant>(?:威|维|卫|魏|巍){_BETWEEN}(?:{_XIN}|星|新)|微(?:星|心)|🛰"
    r"|(?:(?<![\u4e00-\u9fff])|(?<=[加佳家伽我的个留下➕+]))[微薇威维徽卫](?=[号:是❤ ➕+]|[A-Za-z0-9])"
    r"|(?<=[加留])(?:个|我|你|您)?[微薇威徽](?=$|[,。!?~\n吧吗聊哦哈呗嘛])"
    r"|(?<!薇)薇(?=[ :]{0,2}[A-Za-z][A-Za-z0-9_\-]{5})|(?<=[A-Za-z0-9 (/])[微薇徽威](?=\s*(?:$|"
    r"[)\],。!~\n])))"
    r"|(?<![A-Za-z0-9_\\])(?<![A-Za-z0-9]-)(?P<latin>we ?chat(?:[ _\-]?id)?|wei ?xin(?:[ _\-]?id)?|"
    r"w ?x ?h|v ?x ?h|"
    r"w[ ./*\-]?x(?:[ _\-]?id)?|vv?[ ./*\-]?x|v ?[➕+加]|v信|wexin|wechet|wehcat|wetchat)(?![A-Za-z0-9_\-])"
    r"|(?P<lonev>(?:(?<=[加佳家伽嘉茄咖十➕+求])|(?<=加个)|(?<=加我)|(?<=加下)|(?<=我的)|(?<=我)|"
    r"(?<=个)|(?<=私)) ?v(?![A-Za-z0-9_.\-]| ?x(?![A-Za-z0-9]))"
    r"(?!我|领|形|型|脸|字|站|友)"
    r"|(?<![A-Za-z0-9_.\-])(?<![A-Za-z] )(?<![大\u4e00-\u9fff])v(?= ?:| [A-Za-z0-9]|是|个|号|就是|同|❤|"
    r"多少|呢|有|发)"
    r"|(?<=[ (\[【/,])(?<![A-Za-z] )v(?=\s*(?:$|[)\]】,。!\n])))"
    r"|(?P<add>[加➕](?:我|俺|偶|咱|这个?|一?下|个?好友|他|她)(?:一?下|好友|这个|就行)?|添加|搜(?:我|这个|"
    r"一下|索一?下?)?|"
    r"(?<![参增更追附叠累递强施外附])加(?=[ :]{0,2}[A-Za-z0-9])|"
    r"(?<![A-Za-z])add(?: me)?(?: on)?(?![A-Za-z]))"
    r"|(?P<reach>(?:(?<=^)|(?<=[,。;! \n])|(?<=我的))号(?=是|就是|:)|联系(?:我|方式)|找我|"
    r"(?<![A-Za-z])(?:reach|contact) me(?: (?:at|on|by|via))?(?![A-Za-z]))",
    re.IGNORECASE,
)
_NAMED_AFTER: Final = compile_later(_NAMED)
_OWNED: Final = compile_later(
    r"(?:我|我的|我们的?|俺的?|咱的?|偶的?|本人的?|个人的?|私人的?|自己的?|小号|加|加下|加个|加我|"
    r"加我的|加一下|添加|留个|老师的?|"
    r"my|me on|on) ?(?:个人|私人|工作|的)? ?$",
    re.IGNORECASE,
)
_NEGATED: Final = compile_later(
    r"(?:没有?|没得|没用|无|不用|不使用|不玩|不加|别加|勿加|不要加?|不是|不必加?|拒绝加?|不想加?|"
    r"不方便加?|不能加|不留|不给|不发|"
    r"不常用|很少用|不怎么用|不看|不上|卸载了?|no|not|without|don't (?:use|have))"
    r" ?(?:我的?|你的?|您的?|个|任何|什么|a|any|my)? ?$",
    re.IGNORECASE,
)
_NOT_REALLY_NEGATED: Final = compile_later(
    r"(?:要不要|是不是|能不能|可不可以|有没有|方不方便|好不好|用不用|加不加|还没|是否)[^,。!?\n]{0,3}$"
)
_LOOK_BACK: Final = 14


def _cue(text: str, match: re.Match[str]) -> Cue:
    strength = Strength[_STRENGTH_NAMES[str(match.lastgroup)]]
    before = text[max(0, match.start() - _LOOK_BACK) : match.start()]
    end = match.end()
    named = False
    if strength >= Strength.LONE_V:
        after = _NAMED_AFTER.match(text, end)
        if after is not None and after.end() > end:
            end, named = after.end(), True
    return Cue(
        start=match.start(),
        end=end,
        strength=strength,
        named=named or (strength is Strength.LATIN and match[0].lower().endswith(("id", "h"))),
        owned=_OWNED.search(before) is not None,
        negated=_NEGATED.search(before) is not None and _NOT_REALLY_NEGATED.search(before) is None,
    )


_STRENGTH_NAMES: Final = {
    "product": "PRODUCT",
    "canonical": "CANONICAL",
    "variant": "VARIANT",
    "latin": "LATIN",
    "lonev": "LONE_V",
    "add": "ADD",
    "reach": "REACH",
}


def find_cues(text: str) -> list[Cue]:
    """All cues of a masked text in order; they never overlap."""
    return [_cue(text, match) for match in _CUE.finditer(text)]
