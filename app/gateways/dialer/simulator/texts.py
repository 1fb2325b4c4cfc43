"""What is said in simulated calls: lines of the script for each kind of call, and what people answer.

``{who}`` is the person as addressed, ``{other}`` the other party, ``{agreement}`` the agreement's text. Behind a line
that needs one of them stands another that does not, for calls of which it is not known.
"""

import re
from collections.abc import Mapping
from typing import Final

from app.gateways.dialer.simulator.draws import Draws

_WORD: Final = re.compile(r"\{(who|other|agreement)\}")

_ROBOT: Final[dict[str, tuple[str, ...]]] = {
    "opening": (
        "您好,{who}。我是您的调解员,想就您的调解事项和您沟通一下,请问您现在方便吗?",
        "您好!我是您的调解员,想就您的调解事项和您沟通一下,请问您现在方便吗?",
    ),
    "question": ("感谢您的确认。请问您对目前的情况有什么意见或者补充吗?",),
    "explanation": (
        "根据目前的约定,主要内容如下:\n\n{agreement}\n\n请问您还有哪里不清楚吗?",
        "具体内容我们会以书面形式发给您,请您仔细核对。请问您还有哪里不清楚吗?",
    ),
    "still_there": ("您好,请问您还在听吗?",),
    "calls_again": ("抱歉没有听到您的声音,我们稍后再和您联系。再见。",),
    "transfer": ("好的,请稍等,正在为您转接人工调解员。",),
    "closing": ("好的,您的情况我已经记录下来。如有其他问题,欢迎随时联系我们。祝您生活顺利,再见。",),
}
_ROBOT_BY_SCRIPT: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "willingness": {
        "opening": (
            "您好,请问是{who}吗?我是调解中心的调解员。{other}已就双方的纠纷申请调解,想了解一下您是否愿意参加。",
            "您好,请问是{who}吗?我是调解中心的调解员。对方已就双方的纠纷申请调解,想了解一下您是否愿意参加。",
            "您好!我是调解中心的调解员。对方已就双方的纠纷申请调解,想了解一下您是否愿意参加。",
        ),
        "question": ("感谢您的确认。调解不收取费用,过程保密。请问您愿意通过调解解决吗?",),
    },
    "verification": {
        "opening": (
            "您好,请问是{who}吗?我是您的调解员,有几个事实需要和您核实一下。",
            "您好!我是您的调解员,有几个事实需要和您核实一下。",
        ),
        "question": ("感谢您的确认。请问涉及的金额和时间,和您之前提交的材料一致吗?",),
    },
    "proposal": {
        "opening": (
            "您好,请问是{who}吗?我是您的调解员。{other}提出了一个调解方案,想听听您的意见。",
            "您好,请问是{who}吗?我是您的调解员。对方提出了一个调解方案,想听听您的意见。",
            "您好!我是您的调解员。对方提出了一个调解方案,想听听您的意见。",
        ),
        "question": (
            "方案的主要内容如下:\n\n{agreement}\n\n请问您是否可以接受?",
            "请问您对对方提出的方案是否可以接受?有什么需要修改的地方吗?",
        ),
    },
    "agreement": {
        "opening": (
            "您好,{who}。经过前期沟通,您与{other}已达成初步共识,现在和您确认一下调解协议的内容,请问您方便吗?",
            "您好,{who}。经过前期沟通,双方已达成初步共识,现在和您确认一下调解协议的内容,请问您方便吗?",
            "您好!我是您的调解员。经过前期沟通,双方已达成初步共识,现在和您确认一下调解协议的内容。",
        ),
        "question": (
            "以下是调解协议草案的主要内容:\n\n{agreement}\n\n请您确认是否同意此方案?如有任何修改意见,请及时提出。",
            "请问您是否同意调解协议的内容?如有任何修改意见,请及时提出。",
        ),
    },
    "follow_up": {
        "opening": (
            "您好!我是您的调解员。请问您是{who}吗?关于您与{other}之间调解协议的履行情况,我需要进行回访。",
            "您好!我是您的调解员。请问您是{who}吗?关于调解协议的履行情况,我需要进行回访。",
            "您好!我是您的调解员。请问关于您的调解协议有需要确认或跟进的事项吗?",
        ),
        "question": (
            "感谢您的确认。根据我们之前达成的调解协议:\n\n{agreement}\n\n请问协议目前履行得怎么样了?",
            "感谢您的确认。请问调解协议目前履行得怎么样了?款项是否已经收到?",
        ),
    },
}
_PEOPLE: Final[dict[str, tuple[str, ...]]] = {
    "it_is_me": ("我是我是。", "对,是我。", "嗯,您说。", "是我,什么事?"),
    "agrees": ("可以的,没问题。", "行,就按这个来吧。", "嗯,没有意见。", "好的好的,我知道了。"),
    "asks_back": ("嗯,调解协议内容有什么呢?", "你说的是哪个事?具体内容是什么?", "等一下,内容能再说一遍吗?"),
    "understands": ("哦,明白了。", "好,清楚了,谢谢。", "行,那我再看看。"),
    "wants_person": ("我想找调解员本人说。", "你是机器人吧?给我转人工。", "转人工。"),
    "carrier": ("您好,您所拨打的电话暂时无法接通,请稍后再拨。", "您好,机主现在不方便接听电话,请留言。"),
}
_PEOPLE_BY_SCRIPT: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "willingness": {"agrees": ("可以,我愿意调解。", "行吧,那就调解。", "愿意,什么时候?")},
    "verification": {"agrees": ("一致的。", "对,金额没错。", "是的,跟材料上写的一样。")},
    "agreement": {"agrees": ("同意。", "可以,没有意见。", "行,就按这个签吧。")},
    "follow_up": {"agrees": ("都搞定了都搞定了。", "钱已经收到了。", "还差一期,说是下个月给。", "履行完了,没问题。")},
}


def said(line: str, script_id: str, known: Mapping[str, str], draws: Draws) -> str:
    """Return what is said.

    Args:
        line: The name of the line.
        script_id: Kind of call: one of the seeded nodes' scripts; any other has general words.
        known: ``who``, ``other``, ``agreement``; what is empty counts as not known.
        draws: Chooses between several ways to answer.
    """
    if line in _PEOPLE:
        answers = _PEOPLE_BY_SCRIPT.get(script_id, {}).get(line) or _PEOPLE[line]
        return answers[draws.between(0, len(answers) - 1)]
    spellings = _ROBOT_BY_SCRIPT.get(script_id, {}).get(line) or _ROBOT[line]
    spelling = next(text for text in spellings if all(known.get(name) for name in _WORD.findall(text)))
    # In one pass and never by str.format: values are other people's texts.
    return _WORD.sub(lambda word: known[word[1]], spelling)
