"""How a cue and an ID hang together: what may stand between them and what may follow."""

import re
from enum import IntEnum
from typing import Final

from app.domain.contact_details.cues import Cue, Strength
from app.patterns import compile_later


class Link(IntEnum):
    """What stands between a cue and what it announces."""

    NONE = 0
    EXPLAINED = 1
    WIDE = 2
    NARROW = 3


_LONGEST_GAP: Final = 32
_SIGNS: Final = r"[\s:=\-—~,,。.!?、;\"'“”‘’「」『』()\[\]【】<>《》→➡↓⇒•*_^@/|·`❤]"
_NARROW_WORDS: Final = (
    "就是 也是 都是 是 即 为 叫做 叫 号码 账号 帐号 号 码 在这里 在这儿 在这 这里 如下 下面 给你 给您 "
    "发你 发您 我的 我 本人 俺的 俺 的 "
    "加我 搜索 搜一下 搜 吧 哈 呢 哦 噢 喔 嗯 啊 呀 啦 咯 嘛 嘿 喽 哟 了 用 账户 名片号 现在 目前 也"
)
_WIDE_WORDS: Final = (
    "发给你 发给您 给到您 给下 给 使用 常用 自己 咱 偶 您 你 加一下 加下 加个 添加 加 查 找 联系 联络 "
    "可以 可 能 直接 请 麻烦 一下 下 个 这个 这 那 就 都 "
    "行 好友 方式 私人 个人 小号 大号 工作 新 长期 主 备用 写 打 复制 通过 来 去 上 里 到时候 到时 随时 "
    "方便 随便 吗 么 好的 好 先 再 即可 也行 均可 聊 "
    "详聊 细聊 沟通 说 谈 谢谢 记一下 记下 备注 留言 留个 留 号儿 同号 同步 一样 没变 不变 多少 嘻 呵 "
    "老板 亲 哥 姐 领导"
)
_NARROW_ENGLISH: Final = r"(?:id|account|number|is|are|my|name is|it's|handle|username)(?![A-Za-z])"
_WIDE_ENGLISH: Final = (
    r"(?:ok|add|me|at|by|via|on|to|here|please|pls|the|search|for|as|under|mine|best|way|better|fine|works|"
    r"prefer(?:red)?|easier|i am|i'm|chat|talk|there|also|too|use|you|can|or)(?![A-Za-z])"
)


def _any_of(words: str) -> str:
    """Alternatives, the longest first, so that repeating them possessively takes whole words."""
    return "|".join(sorted(words.split(), key=len, reverse=True))


_NARROW_FILLER: Final = rf"'s(?![A-Za-z])|{_SIGNS}|{_any_of(_NARROW_WORDS)}|{_NARROW_ENGLISH}"
_WIDE_FILLER: Final = rf"{_SIGNS}|{_any_of(_NARROW_WORDS + ' ' + _WIDE_WORDS)}|{_NARROW_ENGLISH}|{_WIDE_ENGLISH}"
_NARROW: Final = compile_later(rf"(?:{_NARROW_FILLER})*+", re.IGNORECASE)
_NARROW_RUN: Final = compile_later(rf"(?:{_NARROW_FILLER}){{0,12}}+", re.IGNORECASE)
_WIDE_RUN: Final = compile_later(rf"(?:{_WIDE_FILLER}){{0,12}}+", re.IGNORECASE)
_WIDE: Final = compile_later(rf"(?:{_WIDE_FILLER})*+", re.IGNORECASE)
_JOINT: Final = r"(?:[\s/、和或跟与&+()\-]|以及|或者|还有){0,4}+(?:手机|电话|tel|phone|mobile|cell|qq|扣扣|企鹅)号?码?"
_WIDE_NUMBER: Final = compile_later(
    rf"(?:{_JOINT}){{0,2}}(?:(?:就|也|都)?(?:是|用|同|即|为|绑定?的?)(?:我|本人|这个?|此)?的?(?:手机|电话|qq)号?码?|"
    rf"{_WIDE_FILLER})*+",
    re.IGNORECASE,
)

_STRONG: Final = compile_later(r"[:=→➡]|是|即|为|叫|\b(?:is|are)\b")
_COUNTRY: Final = compile_later(r"\(?\+?(?:(?:00)?86)?\)?[ -]?$")
_CLAUSE_BREAK: Final = compile_later(r"[,,。!?;\n]")
_CHINESE: Final = compile_later(r"[\u4e00-\u9fff]")
_MOST_EXPLAINING: Final = 10
_UP_TO_THE_NEW_ONE: Final = compile_later(r"^[^A-Za-z\d\ufffc]*(?=新|现在|改成|换成|换了)")
_POLITE: Final = compile_later(
    r"不是(?:这个|我的?)?(?:手机|电话|qq|QQ)号?码?|(?:拉你|拉您|好)?(?:进群|入群|拉群)|朋友圈看[货图]?|"
    r"不好意思|不错|不客气|不介意|不嫌弃|对不起|差不多|特别|不懂|不清楚|不明白"
)
_NO_EXPLANATION: Final = compile_later(
    r"[A-Za-z\d\ufffc\\]|不|没|别|勿|无|封|注销|停用|旧|"
    r"开发|程序|公众|支付|接口|系统|平台|框架|项目|版|公司|集团|科技|企业|团队|部门|群|昵称|名|密码|"
    r"订单|单号|编号|工号|学号|型号|房|车牌|岗|职位|"
    r"简历|文件|图|视频|语音|朋友圈|红包|转账|付款|收款|登录|登陆|授权|对接|机器人|生态|聊过|聊到|聊的|"
    r"说过|说的|发过|发的|上发|里发|推荐|"
    r"数据|代码|变量|字段|参数|函数|脚本|库|包|速度|方向|坐标|表示|代表|作为|抖音|快手|微博|小红书|钉钉|"
    r"飞书|支付宝|淘宝|闲鱼|邮箱|脉脉|领英|陌陌|探探|"
    r"知乎|游戏|学|做|负责|维护|测试|比如|例如|格式|像|步数|店|网|站|电话|手机|短信|他|她|它|认证|后台|后端|前端|底层|源码|算法|有个|"
    r"有人|有位|骗|面试|时间|地址|价|钱|元|工资|薪|技术|产品|软件|工具|电脑|服务"
)
_CLAUSE_END: Final = compile_later(
    r"\s*(?:$|[,,。.!?;、~…:)\]】」\"'”\n•❤|/(]|—|--)|\s|(?:吧|哈|哦|噢|喔|啊|呀|啦|呢|嘛|的(?=\s*(?:$|"
    r"[,。!~\n]))|了|哟|加|你|您|搜|可|就|这|备注|谢|随时|有|记得|麻烦|联系|请|我|都|是|没|电话|手机|先|"
    r"小写|大写|注意)"
)
_TECHNICAL_NOUN: Final = compile_later(
    r" ?(?:版|系统|框架|开发|部门|岗|项目|工程师|小程序|公司|接口|环境|协议|元|块|人|语言|代码|平台|"
    r"服务器|数据库|模型|芯片|手机(?!号)|机型|测试|库|包|插件|端|"
    r"权限|字段|参数|变量|函数|方法|类|组件|模块|分支|仓库|文件|职位|老师|经理|先生|女士|总(?!是)|"
    r"聊[过的到天]|说[过的了]|群)"
)
_AFTER_LETTERS: Final = compile_later(
    r"\s*(?:$|[,,。.!?;、~…)\]】」\"'”\n•❤|/(]|—|--)| +(?![A-Za-z])| +(?:thanks|thx|thank|or|and|tel|"
    r"phone|qq|ok|pls|please)\b"
    r"|(?:加|你|您|可以|搜|就|这|备注|谢|随时|有事|有空|有需|记得|麻烦|联系|请|我|都|没有?大|全|小写|"
    r"大写|注意|哈|哦|噢|喔|啊|呀|啦|吧|呢|嘛|哟|"
    r"电话|手机|扣扣|先|咱|到时|通过|晚点|明天|今晚|方便|欢迎)",
    re.IGNORECASE,
)


def between(text: str, cue: Cue, start: int, *, number: bool = False) -> Link:
    """How the stretch from a cue to the ID at `start` links them; numbers may share a cue with 电话."""
    gap = text[cue.end : start]
    if number:
        gap = _COUNTRY.sub("", gap)
    if len(gap) > _LONGEST_GAP:
        return Link.NONE
    if _NARROW.fullmatch(gap):
        return Link.NARROW
    wide = _WIDE_NUMBER if number and cue.strength > Strength.ADD else _WIDE
    if wide.fullmatch(gap):
        return Link.WIDE
    return Link.EXPLAINED if _explains(gap) else Link.NONE


def _explains(gap: str) -> bool:
    gap = _POLITE.sub("", _UP_TO_THE_NEW_ONE.sub("", gap))
    return len(_CHINESE.findall(gap)) <= _MOST_EXPLAINING and _NO_EXPLANATION.search(gap) is None


def after_filler(text: str, position: int, *, wide: bool = False) -> int:
    """Where filler that begins at `position` ends."""
    match = (_WIDE_RUN if wide else _NARROW_RUN).match(text, position)
    return match.end() if match else position


def is_strong(text: str, cue: Cue, start: int) -> bool:
    """Whether a colon, 是, 号 or the like says that what follows is the account."""
    return cue.named or _STRONG.search(text[cue.end : start]) is not None


def is_loose(text: str, end: int, start: int) -> bool:
    """Whether a clause ends between the two places."""
    return _CLAUSE_BREAK.search(text[end:start]) is not None


def starts_clause(text: str, start: int) -> bool:
    """Whether `start` is the beginning of the text or of a clause."""
    return not text[:start].strip() or text[start - 1] in ",。!?;\n "


def ends_sentence(text: str, end: int) -> bool:
    """Whether `end` is the end of the text or stands before punctuation."""
    return end == len(text) or text[end] in ",。!?;~\n"


def ends_clause(text: str, end: int) -> bool:
    """Whether what ends at `end` is the last of its clause, but for particles and requests to add it."""
    return _CLAUSE_END.match(text[end : end + 8]) is not None


def is_followed_by_technical_noun(text: str, end: int) -> bool:
    """Whether the next word makes the token a name of software, a job or a person talked about."""
    return _TECHNICAL_NOUN.match(text[end : end + 8]) is not None


def may_follow_letters(text: str, end: int) -> bool:
    """Whether what follows allows a word of letters alone to be an ID."""
    return _AFTER_LETTERS.match(text[end : end + 12]) is not None
