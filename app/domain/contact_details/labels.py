"""What stands right before or after a number or a name and says what it is, or that it is void."""

import re
from typing import Final

from app.patterns import compile_later

_LINK: Final = r"(?:号码?|账号|帐号|id|no\.?|是|为|叫|的|[\s:=#\-\"'“”「」(\[【]){0,5}$"

_NUMBER_OF_SOMETHING: Final = compile_later(
    r"(?:[单编工学案证卡货批房件型票考税尾]号|订单|运单|工单|保单|门牌号|流水号?|序列号|合同号?|发票号?|"
    r"社保号?|公积金号?|会员号|病历号|"
    r"准考证|报名号|案件号|受理号|追踪号|物流号|身份证|护照|银行卡|信用卡|车牌|考生号|专利号|注册号|"
    r"登记号|信用代码|档案号|设备号|条形?码|编码|"
    r"(?<![a-z])(?:uid|id|imei|isbn|sku|sn|order|tracking|ticket|invoice|case))" + _LINK,
    re.IGNORECASE,
)
_OWNER: Final = compile_later(
    r"(?:微信|手机|电话|联系|qq|企鹅|扣扣|wechat|wx|vx|weixin|v)号?码?[ _\-]?$", re.IGNORECASE
)

_NAME_OF_SOMETHING_ELSE: Final = compile_later(
    r"(?:密码|口令|验证码|邀请码|推荐码|内推码|优惠码|提取码|激活码|兑换码|码|订单|单号|编号|型号|版本|"
    r"用户名|昵称|名叫?|房间|部门|职位|岗位|"
    r"抖音|快手|微博|小红书|钉钉|飞书|支付宝|淘宝|旺旺|闲鱼|脉脉|领英|陌陌|探探|知乎|豆瓣|贴吧|b站|电报|"
    r"飞机|纸飞机|推特|脸书|公众号|视频号|"
    r"项目|代号|变量|字段|参数|函数|脚本|仓库|分支|车牌|航班|车次|快递|运单|物流|身份证|护照|学号|工号|"
    r"(?<![a-z])(?:github|gitee|gitlab|telegram|tg|line|whatsapp|skype|discord|twitter|facebook|fb|ins|"
    r"instagram|steam|"
    r"linkedin|weibo|tiktok|douyin|bilibili|password|pwd|username|user|login|order|code|branch|repo|"
    r"version))"
    r"(?:(?:的|上|里|账|帐|号|码|id|名字?|叫|是|为|搜)|[\s:=#\-\"'“”「」]){0,6}$",
    re.IGNORECASE,
)
_VOID_AFTER: Final = compile_later(
    r"(?:[\s)]{0,2}(?:(?:这|那)个?|是)?(?:个|是)?(?:老|旧|以前的?|之前的?|原来的?)?(?:微信号?|手机号?|"
    r"电话|账号|帐号|号码?|qq号?)?"
    r"|[\s,。;)]{0,2}(?:这|那)?个?号?)"
    r"(?:我?(?:已经|早就?|现在|都|也|目前)){0,2}(?:不用了|不再用|没用了|没在用|停用|停机|作废|注销|销号|"
    r"被?封了|被封|弃用|换掉?了|不存在|不对|错了|是错的|加不上|搜不到|登不上)",
    re.IGNORECASE,
)
# 「138… 微信搜不到」 speaks of the account, the phone may ring all the same.
_ITS_ACCOUNT: Final = compile_later(r"[\s,。;)]{0,2}(?:的|是)?微信")
_FORBIDDEN_BEFORE: Final = compile_later(
    r"(?:(?<!要)不要|别|勿|不用|不必|千万别|不是|并非|非|冒充|骗子|假冒)"
    r"(?:再|去|乱)?(?:加|搜|打|联系|用|添加|信)?(?:我|这个?|那个?|以前的?|之前的?|旧的?|"
    r"老)?(?:的)?(?:微信|电话|手机|qq|号码|号)?(?:号|号码)?[\s::]{0,2}$",
    re.IGNORECASE,
)
_WINDOW: Final = 18


def before(text: str, start: int, width: int = _WINDOW) -> str:
    """The text right before `start`."""
    return text[max(0, start - width) : start]


def after(text: str, end: int, width: int = _WINDOW) -> str:
    """The text right after `end`."""
    return text[end : end + width]


def numbers_something_else(text: str, start: int) -> bool:
    """Whether a label before `start` makes the number there one of an order, a case, a card or the like."""
    match = _NUMBER_OF_SOMETHING.search(before(text, start))
    if match is None:
        return False
    return _OWNER.search(before(text, start)[: match.start()]) is None


def names_something_else(text: str, start: int) -> bool:
    """Whether a label before `start` makes the name there a password, a code or an account elsewhere."""
    return _NAME_OF_SOMETHING_ELSE.search(before(text, start)) is not None


def _is_void_after(text: str, start: int, end: int) -> bool:
    following = after(text, end, 24)
    if text[start].isdigit() and _ITS_ACCOUNT.match(following):
        return False
    return _VOID_AFTER.match(following) is not None


def is_void(text: str, start: int, end: int) -> bool:
    """Whether the text says of the detail at this span that it is not, or no longer, to be used."""
    return _is_void_after(text, start, end) or _FORBIDDEN_BEFORE.search(before(text, start)) is not None
