"""What a clause says by its shape, where none of the phrases stands in it: 「送来吧」, 「我不喝酒」, 「正吃饭呢」."""

import re
from typing import Final

from app.patterns import compile_later

# 不 and 没 that refuse nothing: not knowing, not being sure, being polite, being no trouble.
_MILD: Final = (
    r"(?:是|知道|清楚|懂|明白|好意思|错|问题|事|关系|确定|一定|过|太|会|见"
    r"|客气|记得|多|少|急|着急|在|准|到|定|想好|好|管|同|如|但|然|光|起)"
)
_SHAPES: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (compile_later(r"^(?:谁|哪位|你是谁|您是谁|你哪|您哪|什么事|啥事|干嘛|干什么|什么)"), ""),
    # Put off: what is being done, and what one will do oneself later.
    (compile_later(r"(?:正|在|忙)[^,]{1,6}(?:呢|着)$|走不开|抽不开身|脱不开身|腾不出|顾不上"), "3A"),
    (
        compile_later(
            r"(?:给|跟)(?:你|您|你们)(?:回|打)|回(?:你|您)(?:电话|消息|信)|回电|来电|(?:缓|等|过|迟|晚)(?:一|两|几|三)?(?:天|周|阵|会|些|下)"
            r"|到时|之后再|忙完|有空再|有时间再|有空了|(?:明天|后天|下午|晚上|周.|改.)(?:再)?(?:来|打|说|聊|联系)"
        ),
        "3B",
    ),
    (compile_later(r"琢磨|斟酌|权衡|对比|比较一?下|没底|拿不准|没把握|看(?:时间|情况|心情)|纠结|掂量"), "3C"),
    (
        compile_later(
            r"(?:得|要|由|听|看)(?:他|她|我)?(?:[^,]{0,3})(?:妈|爸|老婆|老公|爱人|家里|领导|老板|经理|公司)"
            r"[^,]{0,4}(?:拿主意|决定|定|同意|安排|说了算|意思)"
        ),
        "3D",
    ),
    # Questions ask back.
    (
        compile_later(
            r"多少|几(?:个|点|天|年|次|岁|号|家|种|层|人)|怎么|怎样|啥|什么|哪|多(?:大|久|长|远|高|贵|快)|(?:吗|么)$|有没有|(?<!不)(\w)不\1"
            r"|能(?:参观|试|退|选|换|看)"
        ),
        "2C",
    ),
    # Refusals of the offer.
    (
        compile_later(
            r"(?:(?<!一)早就|已经|刚)[^,]{0,3}(?:了|有|过|换|买|办|装|签|定)|都[^,]{1,6}了$"
            r"|我自己就是|自己有|自己会"
        ),
        "4B",
    ),
    (compile_later(r"贵|划不来|不值|吃亏|亏怕"), "4C"),
    (compile_later(r"少来|套路|糊弄|蒙我|坑人|坑我|滚|讨厌|扯|有完没完|让不让人"), "4D"),
    (
        compile_later(
            r"没(?:那个?|这个?|啥|什么|多余的?|有)*(?:闲?钱|闲|工夫|精力|兴趣|想法|用|意思|打算|需求|必要)"
        ),
        "4A",
    ),
    (compile_later(rf"(?:不|(?<![特级区识告分性类个离差])别(?![家人的处号]))(?!{_MILD})[^,]"), "4A"),
    # Consents: what is to be done, and what one is going to do.
    (
        compile_later(
            r"^(?![^,]*(?:才|再|还))[^不没别]{1,10}(?:可以|行|没问题|好的|都行|都可以|能行|合适)[吧啊的呀了]*$"
        ),
        "1A",
    ),
    (
        compile_later(
            r"(?:我|那我|这就|马上|今天|明天|周.|月底前?|.号)[^,不没别]{0,10}(?:去|来|会|就|把|给)?[^,不没别]{0,4}"
            r"(?:办|还|付|转|交|缴|结|打款|过去|过来|到|参加|还清|付清|拿过去|送过去)[^,]{0,5}$"
        ),
        "1E",
    ),
    (compile_later(r"^(?![^,]*(?:才|再|还|等))[^不没别算]{1,8}吧$"), "1A"),
    (
        compile_later(
            r"^(?:我|我们)?(?:都|也)?(?:参加|报名|要|留|预订|预定|试试|试一下|体验|接受|同意|愿意)[^,不没别]{0,6}$"
            r"|给我留"
        ),
        "1B",
    ),
)  # fmt: skip


def tag_of_shape(clause: str) -> str | None:
    """Return the tag that a clause's shape leads to; None where it says nothing."""
    for pattern, tag in _SHAPES:
        if pattern.search(clause):
            return tag or None
    return None
