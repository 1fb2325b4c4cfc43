"""Whether a person asks to be left alone.

Writing on to somebody who said no is the worst failure there is, so what can be read as a refusal of contact is one.
Rules:

1. A refusal names the contact itself: do not (再) write, call, disturb, look for *me*; unsubscribe; blocked;
   reported if it goes on. 「不感兴趣」, 「找到工作了」, 「谢谢不用了」 refuse the offer, not the contact: replies.
2. Contact details beside it do not undo it: 「别再发邮件了,加我微信 …」 is a refusal with details. Both are kept, and
   a person decides whether to lift it.
3. A wish about the way or the hour is a reply: 「别打电话,发微信」, 「晚上别联系我」; so is a condition, 「没有双休就别
   联系我了」. A reply ends the automatic messages too, and an operator reads it.
4. Whoever is spoken of is somebody else: 「不要联系我老板」, 「不想打扰您」 are replies.
5. What is denied or asked about is not said: 「我没有拉黑你」, 「要不要联系我」.
6. A keyword that our own text asked for (「回复N退订」) is a refusal if it is the whole message.
"""

import re
from collections.abc import Iterable

from app.domain.replies.texts import fold, normalise
from app.patterns import compile_later

# Who is meant when 我 is only the beginning: my boss, my family, before I …
_OTHERS = (
    r"(?:们?的?(?:现在?的?)?(?:老板|领导|同事|家人|家里|家属|父母|爸|妈|老公|老婆|丈夫|妻子|爱人|男朋友|女朋友|男友|女友"
    r"|朋友|对象|孩子|儿子|女儿|公司|单位|前|现公司|上司|hr|原|之|律师|亲戚|经理|助理|下属|团队|客户|哥|姐|弟|妹|先生"
    r"|太太|担保人|通讯录))"
)
_ME = rf"(?:我|本人|咱)(?!{_OTHERS})"
_END = r"(?=$|[,。!?;:、~….\s]|了|啦|吧|呀|啊|哈|嘛|吗|么|好吗|好么|行吗|行不行|可以吗|谢谢|拜托|哦|喔|哟)"

_CLAUSE = r"(?:^|(?<=[,。!?;\s]))"

# 别 is also the end of other words: 特别, 级别, 识别, 告别 …; 要不要 and 用不用 are questions.
_DONT = (
    r"(?:(?<![特区级识告分性类个离差辨鉴派])(?<!晚上)(?<!夜里)(?<!半夜)(?<!白天)(?<!中午)(?<!周末)(?<!上班)(?<!上班时间)别"
    r"|(?<!要)(?<!晚上)(?<!晚上请)(?<!夜里)(?<!半夜)(?<!白天)(?<!中午)(?<!周末)(?<!上班)(?<!上班时间)不要"
    r"|勿|莫|不许|不准|不得|甭|休想|停止|停下|禁止|严禁|拒绝|谢绝|少来?|能不能不|可不可以不|可以不|能不)"
)
_NO_NEED = r"(?:(?<!用)不用|不必|无需|不需要|没必要|没有必要|用不着|犯不着)"
_NO = rf"(?:{_DONT}|{_NO_NEED})"
_TO_ME = rf"(?:给|跟|和|对|向|往|朝){_ME}(?:们)?(?:这里|这边|这儿|手机上?|微信上?|邮箱)?"
_HOW = (
    rf"(?:再|继续|一直|总是?|老是?|天天|每天|整天|随便|随意|乱|到处|频繁|反复|不停地?|不断地?|来|在|主动|私自|擅自|没完没了地?"
    rf"|{_TO_ME}|通过|用|以|任何|其他|各种|方式|形式|渠道|途径|手段|的|地|任意|让人|派人|换号|换人|去|他妈的?|他娘的?|特么的?|tmd?|nm|你们?|您|也|都){{0,6}}"
)
_SEND_SLIP = r"(?!错|呆|火|愁|生|烧|脾气|疯|挥|布|展|现|言|愣|胖|福|财|货|工资|薪|票)"
_MESSAGE = (
    r"(?:这些|这种|这类|这样|此类|什么|任何|你们?的?|一些|那些|那种|的|个|条){0,3}"
    r"(?:垃圾|骚扰|营销|推广|招聘|广告|推销|无聊|没用|商业){0,2}的?(?:消息|信息|短信|广告|邮件|微信|推送|通知|东西|简讯|私信)"
)


def _any_of(*patterns: str) -> re.Pattern[str]:
    return compile_later("|".join(f"(?:{pattern})" for pattern in patterns))


_DO_NOT = r"(?:do not|don['’]?t)"
_REACH = r"(?:contact|message|text|call|e-?mail|bother|disturb|write to|write|ping|dm|spam|reach out to|send)"
_OURS = r"(?:(?:these|this|such|all|the|your?) )?(?:list|sms|spam|e-?mails?|texts?|messages?|calls?)"

_SAID_OTHERWISE = _any_of(
    # denied: 我没有拉黑你, 别拉黑我, 不会退订
    r"(?:没有?|不会|从未|从没|未|不是要?|(?<!分)别|不要|不想|害怕|怕|不至于)(?:我|要|把|给|你们?|您|会|想){0,3}"
    r"(?:拉黑|退订|屏蔽|举报|取消订阅|拒收)",
    # asked: 你把我拉黑了?, 我被拉黑了吗
    r"(?<![把给将])(?:你们?|您)(?:是不是|怎么|为什么|为何|干嘛|干吗|已经?|又|把我|给我|要|会){0,3}拉黑(?!了?我?吧)",
    r"(?:我|号|账号)(?:是不是|怎么|这是|好像|已经?){0,2}被(?:你们?|您|系统|人)?(?:给)?(?:拉黑|屏蔽|拒收)",
    # not said: 我没说不要联系我
    r"(?:没有?(?:说过?|让你们?|叫你们?)|不是(?:说|让你们?|不让你?)|不代表|并非|谁说)(?:我|要|你们?|您){0,2}(?:不要|别|不用|勿)",
    # of other things: 机票能退订吗
    r"(?:机票|车票|门票|的票|酒店|房间?|服务器|套餐|会员|订单|课程|宽带|域名|航班|流量|业务|功能)[^,。!?]{0,6}退[订定]",
    # in other words: 非诚勿扰, 勿扰模式
    r"非诚勿扰|驾驶(?:时|中)?(?:请)?勿扰|(?:请?勿|免)(?:打)?扰(?:模式|功能|状态|设置|时段|时间|开关|接口|按钮|选项|怎么)",
    r"拉?黑名单(?:功能|管理|接口|机制|表|系统|列表|怎么|是)|拉黑(?:功能|接口|机制|按钮|操作|率)|快递拒收|拒收(?:率|快递|包裹|货)",
    r"(?:如果|要是|若|假如|的话|低于|达不到|不到|没有?|不是|不|除非|超过)[^。!?]{0,20}(?<!那)就(?:请|麻烦|都|真的?){0,2}"
    r"(?:不用|别|不要|不必|无需|勿)(?:再|来|给|跟|和){0,2}我?(?:联系|找|打扰|发|打电话)",
)

_REFUSALS = _any_of(
    # Contact with me, or any more: 不要联系我, 别再联系了, 不再联系
    rf"{_NO}{_HOW}(?:联系|联络|私信|私聊|打扰|撩|纠缠|跟踪|搭理){_ME}",
    rf"{_NO}{_HOW}(?:骚扰|(?:短信|电话|消息|信息)?轰炸)(?:我|$|了)|(?:再|继续)来?(?:骚扰|烦|纠缠|轰炸)我",
    rf"{_NO}{_HOW}(?:找|理|加|烦|缠着?|吵){_ME}(?:们)?{_END}",
    rf"(?:{_NO}{_HOW}再{_HOW}|停止|拒绝|谢绝|以后都?(?:不要|别|不)再?|从此不再|永远?(?:不要|别)再?)(?:联系|联络|私信|骚扰|打扰|来往|烦|纠缠)"
    r"(?!到?(?:您|你|他|她|别人|人家|大家|客户|我))",
    rf"{_CLAUSE}(?:请|麻烦|求你们?|都说了)?(?:不要|别|勿|无需|不用再|不必再){_HOW}(?:联系|联络){_END}",
    r"不再(?:联系|需要(?:你们?|您)(?:的)?(?:联系|消息|信息))",
    r"(?:请|麻烦)?(?:你们?|您)?不要再?来(?:了|找|烦|骚扰)",
    # Disturbing needs no object, but must not be the speaker's own: 不想打扰您
    rf"(?:{_DONT}|{_NO_NEED}再){_HOW}(?:打扰|骚扰)(?!到?(?:您|你|他|她|人家|别人|大家|客户|其他|我))",
    r"请?勿(?:打)?扰",
    r"^(?:请)?免打扰$",
    # Wishes put as dislike: 不想被打扰, 不希望你们再发
    r"(?:不想|不希望|不愿意?|不喜欢|讨厌|受够了?|反感)(?:再|总|老|一直|继续)*(?:被|有人|你们?|您)(?:再|总是?|老是?|一直|继续|天天)*"
    r"(?:联系|打扰|骚扰|发|打电话|打来|找我|烦|推送)",
    r"(?:不想|不希望|不愿意?)再?(?:和|跟|与)(?:你们?|您|贵司|任何人?)?(?:有)?(?:任何)?(?:联系|来往|联络)",
    r"(?:不想|不希望|不愿意?)再(?:联系|有联系)",
    r"(?:不想|不要|别让我|不希望|不愿意?|拒绝|不)再?(?:接?收到?|接到|看到|看见|接受)(?:任何|你们?的?|您的?|此类|这类|这种|这些|各种|类似|的){0,3}"
    r"(?:垃圾|骚扰|营销|推广|招聘|广告|推销){0,2}的?(?:消息|信息|短信|广告|邮件|推送|通知|电话|推销|骚扰|联系)",
    # Sending: 别再发, 别给我发, 别发了
    rf"{_DONT}(?:{_HOW}再){_HOW}(?:群)?(?:发|推送|推销|传|寄|来(?:信息|消息|短信)){_SEND_SLIP}",
    rf"{_NO_NEED}{_HOW}再{_HOW}(?:群)?(?:发|推送|推销)(?:{_MESSAGE}|(?:了|啦)?(?:$|[,。!]|谢谢))",
    rf"{_DONT}(?:再|继续|一直|总是?|老是?|天天|每天){{1,3}}(?:群)?(?:发|推送|推销){_SEND_SLIP}",
    r"(?:叫|让|说|求)(?:了|过)?(?:你们?|您)?(?:了|过)?(?:别|不要)再?发",
    rf"(?<!先){_DONT}(?:再|继续|一直|总是?|老是?|天天|每天|随便|乱|不停地?){{0,3}}{_TO_ME}{_HOW}(?:群)?(?:发|推送|推|寄){_SEND_SLIP}",
    rf"(?<!先){_DONT}{_HOW}(?:群)?(?:发|发送|推送|推销)(?:了|啦|来了?|过来){_END}",
    rf"^(?:请|麻烦|求求?你们?|都说了)?{_DONT}(?:群)?(?:发|发送|推送|推销){_END}",
    rf"{_NO_NEED}{_TO_ME}(?:群)?发{_MESSAGE}",
    r"(?:停止|禁止|拒绝|谢绝)(?:一切|任何|所有|你们?的?|此类|各种){0,2}(?:骚扰|推销|推送|营销|广告|发送|群发|打扰|短信|来电|短讯|商业短信)",
    r"(?:拒收|(?:取消|解除)(?:我|我们|我的|你们的|所有|全部)?的?订阅(?!会员|套餐|课程|服务器|订单|号)|取消推送|取消发送|取消接收|取消短信)",
    # Calling any more
    rf"{_DONT}(?:{_HOW}再){_HOW}(?:给[^,。!?]{{1,8}}?)?(?:打|来电|拨|致电|呼)(?!扰|算|工|卡|包|车|字|架|游戏|听|开|印|断|折|球|招呼)",
    rf"{_DONT}{_HOW}(?:打|拨)(?:来|过来|电话来)?(?:了|啦)",
    # Gone, blocked, reported
    r"拉黑|(?:拉|加|列|放|进|入|移|扔)(?:你们?|您)?(?:进|入|到|为)?(?:我的?)?黑名单|屏蔽了?(?:你|您)(?!们?(?:的|公司))|加黑(?:了|$)",
    r"(?:再|还|继续|老是?|一直)(?:来|给我|跟我|敢|这样|这么|乱){0,2}(?:发|打|来|联系|骚扰|打扰|推|烦|加|这样|这么)[^。!?]{0,12}"
    r"(?:举报|投诉|报警|起诉|12321|12315|工信部|律师函|不客气)|12321举报",
    r"^(?:我)?(?:已经?|要|会|马上|直接|准备|正在)*(?:去)?举报(?:了|你们?|您|$)",
    r"(?:把我|将我|我的?(?:号码?|联系方式|电话|手机号码?|信息|资料|微信|名字|简历){1,2})(?:从)?[^,。!?]{0,10}(?:删除|删掉|删了|移除|移出|除名)",
    r"(?:删除|删掉|移除)(?:掉|了)?我的?(?:号码?|联系方式|电话|手机号|信息|资料|个人信息|数据)",
    r"(?:求|求求)?(?:你们?)?放过我(?:吧|$)|(?:离我远点|滚远点|给我滚|你给我滚)",
    r"(?:^|[,。!?\s])(?:滚|滚蛋|滚开|闭嘴|走开|滚吧|滚滚滚)(?=$|[,。!?\s])",
    # English
    rf"\bopt(?:ing)?[ -]?(?:me )?out\b|\bunsubscribe (?:me|us|please|now|from (?:{_OURS}|this|these|all|you))\b",
    r"^(?:please |pls )?(?:unsubscribe|remove)(?: please| pls)?\W*$",
    r"\b(?:how (?:do|can) i|want to|like to|wish to) unsubscribe\W*$",
    r"\bstop (?:sending|texting|messaging|contacting|calling|e-?mailing|bothering|spamming|harassing|it|this)\b",
    rf"\b(?:{_DO_NOT}|never|quit|no need to)(?: ever)? {_REACH}(?:ing)? (?:to )?(?:me|us|again|any ?more|this number)\b"
    r"(?! (?:boss|employer|wife|husband|manager|sir|madam|mr|ms|mister|stupid|crazy|names))",
    rf"^(?:please |pls |plz |just )*(?:stop(?:[ ,!.]+stop)*|go away|fuck off|get lost|{_DO_NOT} {_REACH})"
    r"(?: please| pls)?\W*$",
    rf"\b(?:{_DO_NOT}|no longer) (?:want|wish) (?:to )?"
    rf"(?:be contacted|hear from|(?:receive |get )?(?:any |more ){{0,2}}{_OURS})\b",
    r"\bleave me alone\b|\b(?:remove|delete) (?:me|my (?:number|data|details|info|contact))\b|\btake me off\b",
    r"\bdo not disturb\b|\bno more (?:messages|texts|e-?mails|calls|spam)\b|\blose my number\b",
    r"\b(?:blocked|blocking|block) you\b|\byou(?: are|['’]re) blocked\b",
)

# 退订 stands for our messages unless a thing follows that people also cancel.
_UNSUBSCRIBE = compile_later(
    r"退[订定](?=$|[^\u4e00-\u9fff]|[了的吧啊呀呢吗嘛哦哈掉本此该这]"
    r"|短信|短讯|消息|信息|推送|通知|邮件|广告|你们?|您|所有|一切|全部|谢谢|服务(?!器)|还|也|都|又|无效|没用|不了)(?!的?(?:机票|酒店|房|服务器))"
)

# These refuse one way of contact. With another way offered beside them, they are a wish about the way.
_WAY_REFUSALS = _any_of(
    rf"{_NO}再?(?:电话|短信|微信|邮件)(?:联系|打扰)",
    rf"{_DONT}{_HOW}(?:打|拨|致电)(?:给{_ME}|{_ME}(?:的)?(?:电话|手机)|(?:骚扰)?电话(?:给{_ME}|来|过来|骚扰|{_END}))",
    rf"{_DONT}{_TO_ME}{_HOW}(?:打|来|拨|致)电",
    rf"{_DONT}(?:再)?{_HOW}(?:发|发送|群发){_MESSAGE}",
)
_OFFER = compile_later(
    r"(?:加|用|走|上|发|打)(?:我|个|我的|到我)?(?:微信|消息|短信|信息|邮件|邮箱|文字|qq|电话|vx?\b|wx)"
    r"|(?:微信|短信|邮件|文字|qq|线上|电话)(?:聊|联系|说|沟通|吧|就行|就好|就可以)|加我|发我|打给我|打我"
)

_KEYWORDS = frozenset({
    "停", "停止", "t", "td", "tt", "tdd", "qx", "回t", "回td", "回复t", "回复td", "td退订", "t退订", "退订t", "退订td",
    "stop", "stopall", "stopit", "pleasestop", "stopplease", "unsubscribe", "unsub", "cancel", "end", "quit", "optout",
})  # fmt: skip
_ASKED_FOR = compile_later(
    r"(?:回复?|发送?|输入|reply(?: with)?)[ :]*[\"“”「『'‘\[【(]?([a-z]{1,12}|\d{1,4})[\"“”」』'’\]】)]?"
    r"[ ]*(?:即可|可|就可以|直接|to )?[ ]*(?:退订|拒收|取消|拉黑|不再|stop|unsubscribe|opt)"
    r"|(?:退订|拒收|不需要|不想|不再|打扰|unsubscribe|opt out)[^。;!]{0,12}?(?:回复?|发送?|reply(?: with)?)[ :]*"
    r"[\"“”「『'‘\[【(]?([a-z]{1,12}|\d{1,4})(?![a-z0-9])"
)
_BY_CHINESE = compile_later(r"(?<=[^\x00-\x7f])\s+|\s+(?=[^\x00-\x7f])")


def is_opt_out(text: str) -> bool:
    """Say whether a message refuses further contact.

    Source: 「别再发, 不要联系我, 退订, 拉黑, 勿扰 …」: a reply, and the person becomes do-not-contact. Give it what is
    left of a message after our own texts were taken out, or our 「如不需要请回复退订」 refuses for the person.
    """
    if normalise(text).rstrip("!") in _KEYWORDS:
        return True
    folded = fold(text)
    # A space between Chinese characters is either nothing (退 订) or a comma (别发了 谢谢): read it both ways.
    return _refuses(_BY_CHINESE.sub("", folded)) or _refuses(_BY_CHINESE.sub(",", folded))


def _refuses(folded: str) -> bool:
    said = _SAID_OTHERWISE.sub("#", folded)
    if _REFUSALS.search(said) or _UNSUBSCRIBE.search(said):
        return True
    return _WAY_REFUSALS.search(said) is not None and _OFFER.search(_WAY_REFUSALS.sub("#", said)) is None


def asked_keywords(own_texts: Iterable[str]) -> frozenset[str]:
    """Collect the keywords by which our own texts said one could refuse (「回复N退订」 gives `n`)."""
    found = (match for text in own_texts for match in _ASKED_FOR.finditer(fold(text)))
    return frozenset(match[1] or match[2] for match in found)


def is_asked_keyword(text: str, own_texts: Iterable[str]) -> bool:
    """Say whether a message is nothing but a keyword that our own texts gave for refusing."""
    plain = normalise(text).rstrip("!")
    return plain.isascii() and plain.isalnum() and plain in asked_keywords(own_texts)
