"""Whether a message was written by a machine in a person's name.

A message that is held to be automatic lets the sequence go on, so a person's own words must never be: when in
doubt, it is a reply. Rules:

1. What calls itself automatic is (「[自动回复] …」, "Automatic reply: …"), but not who asks (「你这是自动回复吗」).
2. Stock phrases of chat programs are, if they are the whole message. 「我在开会,等下聊」 is a person's own.
3. So are the notices that a chat program writes itself, such as the one on becoming friends.
4. Pictures, stickers and emoji are a person's: replies.
"""

from app.domain.replies.texts import fold, normalise
from app.patterns import compile_later

_AUTO = r"(?:系统|智能|离线|离开|忙碌|工作状态|客服)?(?:自动|机器人)(?:回复|应答|答复|回覆)"
_AUTO_ENGLISH = r"(?:auto(?:matic|mated)?[ -]?(?:reply|response|answer)|out of (?:the )?office(?: reply| message)?)"
_SELF_NAMED = compile_later(
    rf"^[\[【(「<{{《*〔［]{{1,2}}\s*(?:[^\]】)」>}}》*〔\n]{{0,10}}{_AUTO}|{_AUTO_ENGLISH}|系统(?:消息|提示|通知))"
    rf"[^\]】)」>}}》*〕吗?]{{0,12}}[\]】)」>}}》*〕］]"
    rf"|^(?:{_AUTO}|{_AUTO_ENGLISH})\s*[::]"
    rf"|[\[【(]\s*(?:此为|这是|本消息为|来自)?(?:{_AUTO}|{_AUTO_ENGLISH})\s*[\]】)][^\w?]{{0,3}}$"
    r"|(?:此|本|该|这)(?:条|封|是)?(?:一条|一封)?(?:消息|信息|邮件|短信|内容)?(?:是|为|由)?(?:系统|机器人)?自动"
    r"(?:回复|发送|生成|发出|应答)(?:的)?(?:消息|信息|邮件)?(?:,?请勿(?:直接)?回复)?[^\w?]{0,3}$"
)

_GREETING = r"(?:您好|你好|hi|hello|抱歉|对不起|不好意思|亲|!){0,4}"
_LATER = r"(?:一会儿?|稍后|等会儿?|待会儿?|回头|稍候|晚点)"
_SOON = r"(?:会|将)?(?:在)?[^?]{0,12}?(?:尽快|第一时间|及时|尽早|立即)"
_ANSWER = r"(?:给|与|和|跟|向)?(?:您|你)?(?:回复|答复|联系|回电|处理|回信)(?:您|你)?"
_STOCK = compile_later(
    rf"{_GREETING}(?:"
    rf"我?(?:现在|目前|暂时)?有事不在{_LATER}再?(?:和|与|跟|给)(?:您|你)(?:联系|回复)"
    rf"|我去吃饭了{_LATER}再联系"
    rf"|(?:我|本人)?(?:现在|目前|暂时)?(?:有事)?(?:不在|离开|无法及时|不便)[^?]{{0,24}}请(?:您|你)?(?:先|给我)?留言[^?]{{0,12}}"
    rf"{_SOON}{_ANSWER}(?:谢谢|感谢)?"
    rf"|(?:感谢|谢谢)?(?:您|你)的(?:来信|邮件|留言)(?:我们?)?(?:已经?)?(?:收到)?[^?]{{0,8}}{_SOON}{_ANSWER}(?:谢谢|感谢)?"
    rf"|(?:我|本人)?(?:正在|目前|现)?[^?]{{0,12}}(?:休假|出差|年假|产假|请假|外出)[^?]{{0,24}}(?:无法|不能|未能)及时(?:回复|处理|查看)"
    rf"[^?]{{0,12}}(?:紧急|急事|要事)[^?]{{0,40}}"
    rf"|我?(?:正在|在)(?:开车|驾驶)[^?]{{0,12}}(?:驾驶勿扰|驾驶专注|专注模式|勿扰模式)[^?]{{0,60}}"
    rf")[!]*"
)
_NOTICE = compile_later(
    r"(?:对方已?(?:经)?(?:添加|加)(?:你|您)为好友(?:现在)?(?:我们)?可以开始聊天了"
    r"|(?:(?:你|您)已(?:经)?添加了.{1,40}|我(?:已经|已)?添加了(?:你|您))(?:以上是打招呼的(?:内容|消息))?现在我?们?可以开始聊天了"
    r"|我(?:已经|已)?通过了?(?:你|您)的(?:朋友|好友|联系人)?(?:验证)?(?:请求|申请)?现在我?们?可以开始聊天了"
    r"|我们已(?:经)?(?:成功)?(?:成为|添加为|是)好友了?(?:现在)?(?:可以开始聊天了|快来聊天吧|一起来聊天吧|开始聊天吧)"
    r"|以上是打招呼的(?:内容|消息)"
    r"|(?:该用户|对方|牛人)(?:已)?(?:设置|开启)了?自动回复)!*"
)
_I_AM = r"(?:i am|i['’]?m)"
_AWAY = r"(?:out of (?:the )?office|on (?:annual |parental |sick )?(?:leave|vacation|holiday))"
_ENGLISH = compile_later(
    r"^(?:(?:hi|hello|hey|dear [a-z]{1,20}|thank(?:s| you)(?: very much)? for your (?:e-?mail|message))"
    r"[,.! 。]{1,3}){0,3}"
    rf"(?:{_I_AM} currently out of (?:the )?office"
    rf"|{_I_AM} (?:currently )?{_AWAY}\b.{{0,120}}\b(?:i will|i['’]?ll|will) (?:respond|reply|get back|return)"
    rf"|{_I_AM} driving with (?:focus|do not disturb))"
)
# Words that no template has: a person took the phrase and went on.
_OWN_WORDS = compile_later(r"\?|\b(?:interested|let['’]?s|call me|sounds|yes|no|sure|not)\b")
_STOCK_LIMIT = 200


def is_auto_reply(text: str) -> bool:
    """Say whether a message is an automatic answer or a chat program's own notice.

    Source: 「[自动回复]」, 「您好,我现在有事不在,一会再和您联系」 …: filtered, the sequence goes on.
    """
    folded = fold(text)
    if _SELF_NAMED.search(folded):
        return True
    if _ENGLISH.search(folded):
        return _OWN_WORDS.search(folded) is None
    plain = normalise(folded)
    return len(plain) <= _STOCK_LIMIT and (_STOCK.fullmatch(plain) or _NOTICE.fullmatch(plain)) is not None
