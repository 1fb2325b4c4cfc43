"""Whether somebody on the phone refuses further calls, beyond what a message can say.

Calling on is the worst failure there is, so what can be read as a refusal is one; 「现在别打」 is a wish
about the hour.
"""

from app.domain.intention.clauses import fold
from app.patterns import compile_later

_WISHES = compile_later(
    r"(?:现在|这会儿?|上班(?:时间)?|晚上|中午|白天|早上|周末|半夜|夜里|开会)(?:的?时候)?(?:请|都)?(?:别|不要)(?:再|给我)*打"
    r"|(?:不是|是不是|没有?|不会|别|不用|不想|不至于)(?:要|想|去)*(?:投诉|报警|骚扰)|骚扰电话吗"
    r"|投诉(?:的|处理|结果|电话|中心|进度|热线|渠道)"
)
_REFUSALS = compile_later(
    r"(?:别|不要|不许|不准|停止|禁止)(?:再|老|总|一直|天天|继续|随便|乱|给我|往我这|向我)*(?:打|拨|呼叫|来电|打来)(?:电话|过来|来|了|我|$|[,。!;\s])"
    r"|投诉|报警|骚扰(?:电话|我|了)|12321|工信部"
    r"|(?:别|不要|不许)再?(?:烦|吵|缠)(?:我|着|了)|烦不烦|打.{0,8}(?:烦死|没完)|再(?:给我|往我这)*打.{0,8}(?:就|我去|去|要告)|号(?:码)?.{0,6}(?:划掉|去掉|拿掉|注销掉|移出|移除)|(?:还|又)(?:在|来)?打(?![算听折工开包])"
    r"|(?:删|拉黑|屏蔽).{0,6}(?:号码|电话|信息)|黑名单"
)
_OTHER_WAY = compile_later(r"(?:发|加)(?:我|个|我的)?(?:微信|短信|信息|邮件)|微信(?:聊|说|联系)")
# Parties speak of each other. Only what cannot be meant for the caller: 「叫他别再打了」 stays a refusal.
_OTHER = r"(?:[他她](?!们)|对方|老板|包?工头|房东)"
_MY_NUMBER = r"(?:的?(?:微信|电话|手机|号码?)){0,2}"
_ALREADY = r"(?:早就|早|都|也|又|还|就|已经?|直接){0,2}"
_DEEDS_OF_OTHERS = compile_later(
    rf"(?:{_OTHER}|[他她]们){_ALREADY}(?:[把将]我{_MY_NUMBER})?{_ALREADY}给?拉黑了?我?"
    rf"|我{_MY_NUMBER}{_ALREADY}(?:被|把)(?:{_OTHER}|[他她]们){_MY_NUMBER}{_ALREADY}给?拉黑"
    rf"|{_OTHER}(?:要是|如果|敢|老是?|一直){{0,2}}(?:再|继续)来?(?:骚扰|烦|纠缠)我"
)


def without_others(text: str) -> str:
    """Return a sentence without what it says of others: 「他把我拉黑了」 refuses nothing, whoever says it."""
    return _DEEDS_OF_OTHERS.sub("#", text)


def refuses_calls(text: str) -> bool:
    """Say whether a sentence refuses further calls; one that offers another way is a wish about the way."""
    said = _WISHES.sub("#", fold(text))
    return _REFUSALS.search(said) is not None and _OTHER_WAY.search(said) is None
