"""Who refuses, what is automatic and what is only our own words, as lists of texts."""

import pytest

from app.domain.replies import (
    Verdict,
    is_auto_reply,
    is_echo_prone,
    is_opt_out,
    normalise,
)
from tests.unit.domain.replies.examples import ASK, OURS, SECOND, judged

OPT_OUTS = """
别再发了|别发了|不要再发了|不要发了|别再发|别发|请不要再发|请别再给我发了|别给我发消息|不要给我发短信|以后别给我发了
麻烦您别再给我发这种消息了|不要一直给我发|能不能别发了|能别发了吗|可以不发了吗,别再发了|不用再发了|不用给我发消息了
请勿发送|请停止发送|停止推送|停止骚扰|停止联系我|别老给我发|不要天天发了|别再发这些广告|不要发广告|勿发|別再發了
不要再發訊息給我|别 再 发|不要联系我|别联系我|别再联系我|不要再联系我了|不要联系我了|请不要联系我|请勿联系|不要联系
请不要再联系|不用再联系了|不必再联系我|不用联系我了|以后不要联系我|以后别联系了|不要再聯絡我|不要再跟我联系|拒绝联系
请不要通过任何方式联系我|不要找我了|别找我|别再找我|别来找我|别加我了|不要再加我|别理我|不要再联系我们
没必要再联系了|不需要再联系我|不再联系|能不能不要再联系我|不要私信我|退订|退 订|TD|td|T|t|td!|回T|回复TD|回复T退订
退订。|我要退订|请帮我退订|怎么退订|怎么退订?|如何退订你们的短信|退订短信|取消订阅|取消订阅谢谢|我想取消订阅
我都退订了还发|退订退订|退訂|TD退订|Ｔ|取消推送|拒收|拒收短信|退订了谢谢|拉黑|拉黑了|已拉黑|我要拉黑你了|再发拉黑
再发我就拉黑你|给你拉黑|拉进黑名单|已加入黑名单|请把我拉黑|你拉黑我吧|把你拉黑了|屏蔽你了|加黑了|勿扰|请勿打扰
请勿扰|勿扰谢谢|别打扰我|不要打扰|不要再打扰我了|别再打扰|不要再打扰|别骚扰我|不要骚扰|猎头勿扰|工作中,请勿打扰
請勿打擾|免打扰|别烦我|不要烦我|别来烦我|别再烦我|少烦我|别再来烦我了|不想被打扰|不想再被打扰|不希望你们再联系我
不喜欢被骚扰|不想和你们有任何联系|不想再收到你们的消息|不要再收到这种短信|不想收到广告|不再接收任何消息|拒绝推销
谢绝骚扰|拒绝骚扰电话|再发举报|再发就举报|再发我就投诉你|再打投诉|继续发我报警了|还发就举报了|已举报|我要举报你
举报了|再骚扰我就报警|别打电话给我|不要给我打电话|别再打了|别打了|不要再打电话|不要再打电话来了|别打我电话
不要打电话|请别再来电|删除我的联系方式|把我的号码删了|把我从名单里删掉|删掉我的个人信息|放过我吧|求放过我|滚|滚!
你好烦,滚|闭嘴|离我远点|stop|STOP|Stop.|please stop|unsubscribe|Unsubscribe please|unsubscribe me|opt out|opt-out
how do I unsubscribe|stop it|stop messaging me|stop sending me messages|don't contact me|Don’t contact me again
do not contact me|dont text me|don't message me anymore|never contact me again|leave me alone|remove me
take me off your list|no more messages|please do not call me|I will block you|quit|不考虑,别再发了
您好,请不要再联系我,谢谢|找到工作了,不用再联系了|烦死了,别发了|你谁啊别再发了|我不是王女士,不要再联系我
说了不要联系我|不要联系我!谢谢|别发了 谢谢|別再打擾我|求求你别发了|你能不能不要再打扰我|都说了别发了|我拒收
不要再来了|拜托别再联系|不要再推送了
不要总发|别他妈再发了|别再来信息了|请取消我的订阅|停|无需联系|别再轰炸我了|叫你别发听不懂吗|pls stop|STOP STOP
go away|I don't want to receive these messages|I no longer wish to be contacted|you are blocked|删了吧,别联系
12321举报|请不要电话联系我|不要骚扰我家人|别再给我老婆打电话|I do not want any more calls|do not message
"""
REPLIES = """
不感兴趣|不考虑|找到工作了|谢谢不用了|不用了|不用了谢谢|不需要|暂时不考虑|已经入职了|没兴趣|算了|不去|不想换工作
不找工作|太远了|不要联系我老板,直接联系我|不要联系我公司|别联系我现在的公司|不要联系我的家人|不要打扰我家人,有事找我
请不要联系我之前先打我公司电话|怎么退订服务器?|服务器怎么退订|机票能退订吗|酒店退订了吗|退订率多少|退订功能做过
为什么没有退订按钮|我没退订|没有退订|T恤|TD是什么|T1|你有几T硬盘|Tom|N|1|stop words|STOP words 怎么处理
stop by the office tomorrow|I can't stop thinking about it|你们公司的勿扰模式|手机开了勿扰模式|免打扰模式怎么开
非诚勿扰|驾驶勿扰已开启|我没有拉黑你|没拉黑|不会拉黑你的|别拉黑我|不要拉黑我|你把我拉黑了?|我被拉黑了吗
你们拉黑功能怎么做的|黑名单功能|拒绝加班|拒绝996|快递拒收了|不要了|别急|别客气|别忘了联系我|不要忘了联系我|别发错了
别发火|要不要联系我|你要不要联系我|要不要发简历|特别想联系我|特别发达|识别发票|级别发展|用不用发简历|不想打扰您
不好意思打扰您了|不想麻烦你|不打扰您了|晚上别联系我|晚上不要打电话|别打电话,发微信|不要打电话,加我微信
现在不方便打电话|不要发短信,打电话|不用打电话,微信说|先别发offer给我|没有双休就别联系我了|薪资低于30k就不用联系我了
如果要加班就不要联系我|我没说不要联系我|不是说不要联系|没让你别发啊|好久没联系了|为什么不联系我|怎么不发了
你怎么还没联系我|发吧|可以发|联系我|可以联系我|打扰了|打扰一下|再发一遍|再发一次给我|请再发一下|还没收到,再发下
别打游戏了|不用加我微信,电话联系|不想再找工作了|不想再发简历了|骗子|神经病|你好|在|嗯|好的|可以|摇滚|滚动发布
我做过举报系统|我要投诉快递|unsubscribe button is missing|how to unsubscribe from AWS server
don't hesitate to contact me|please don't stop|don't contact my boss|I quit my job|end of month
why don't you call me|yes|no|not interested|thanks, no|cancel the meeting|blocked by firewall|分别发给我和他|个别发
我不要紧|别的岗位有吗|不要求学历吗|停止营业了吗|拒绝了另一个offer|勿念|莫名其妙|少来|准不准|不得不说不错
别人联系我了
不用再发简历给你了吗|简历不用再发了吧|Don't call me sir|再还一次款投诉怎么处理|我再投诉一次|屏蔽你们公司了吗
不再接受外包|怎么取消订阅会员|别再犹豫了|别让我失望|I don't want to wait|明天再联系我吧|定金能退吗|我负责退订模块
请不要电话联系,微信联系我
"""


def cells(table: str) -> list[str]:
    return [cell for line in table.strip().splitlines() for cell in line.split("|")]


@pytest.mark.parametrize("text", cells(OPT_OUTS))
def test_refuses_contact(text: str) -> None:
    assert is_opt_out(text)
    assert judged(text, *OURS).verdict is Verdict.OPT_OUT


@pytest.mark.parametrize("text", cells(REPLIES))
def test_does_not_refuse_contact(text: str) -> None:
    assert not is_opt_out(text)
    assert judged(text, ASK).verdict is Verdict.REPLY


@pytest.mark.parametrize(
    "text", ["不要联系我\n谢谢", "好的\n退订", "退\t订", "\u200b别\u200b再发", "微信号?\n别再发了", "别发 谢谢"]
)
def test_refuses_across_lines_and_spaces(text: str) -> None:
    assert judged(text, *OURS).verdict is Verdict.OPT_OUT


@pytest.mark.parametrize(
    ("ours", "answer", "verdict"),
    [
        ("岗位还在招,回复N退订", "N", Verdict.OPT_OUT),
        ("岗位还在招,回N退订", "n", Verdict.OPT_OUT),
        ("如不需要请回复「0」", "0", Verdict.OPT_OUT),
        ("不想收到请回复 QXX", "qxx", Verdict.OPT_OUT),
        ("回复1了解详情,回复2退订", "2", Verdict.OPT_OUT),
        ("回复1了解详情,回复2退订", "1", Verdict.REPLY),
        ("Reply NO to unsubscribe from us", "no", Verdict.OPT_OUT),
        ("岗位还在招,回复N退订", "No", Verdict.REPLY),
        ("岗位还在招,感兴趣请回复1", "1", Verdict.REPLY),
        ("岗位还在招,回复N退订", "好", Verdict.REPLY),
    ],
)
def test_keyword_that_we_asked_for(ours: str, answer: str, verdict: Verdict) -> None:
    assert judged(answer, ours).verdict is verdict


AUTO_REPLIES = [
    "[自动回复]",
    "[自动回复]您好,我现在有事不在,一会再和您联系",
    "【自动回复】我去开会了",
    "(自动回复)稍后联系",
    "「自动回复」在忙",
    "[系统自动回复] 已收到",
    "[钉钉自动回复] 我正在休假",
    "自动回复:您好",
    "自动回复: 有什么可以帮您?",
    "[自动回复] 有什么可以帮您?",
    "自動回復:您好",
    "您好,我现在有事不在,一会再和您联系",
    "您好,我现在有事不在,一会再和您联系。",
    "你好,我现在有事不在,一会儿再和你联系!",
    "您好!我现在有事不在,稍后再与您联系",
    "我去吃饭了,一会再联系。",
    "您好,我暂时不在电脑旁,请留言,我会尽快回复您,谢谢",
    "您好,您的邮件已收到,我会尽快回复您。",
    "感谢您的来信,我们会在三个工作日内尽快答复",
    "您好,我正在休假,期间无法及时回复邮件,如有紧急事务请联系同事王先生",
    "我正在开车,目前已打开“驾驶勿扰”功能。我会在到达目的地后再看您的信息。",
    "您好,已收到。此消息为自动回复",
    "已收到您的消息(自动回复)",
    "本邮件由系统自动发送,请勿直接回复",
    "[系统消息] 对方已读",
    "对方已添加你为好友,现在可以开始聊天了",
    "你已添加了王小明,现在可以开始聊天了。",
    "我通过了你的朋友验证请求,现在我们可以开始聊天了",
    "我们已成为好友,快来聊天吧",
    "以上是打招呼的内容",
    "[Auto-reply] I'm in a meeting",
    "Automatic reply: back on Monday",
    "Out of Office: until 3 March",
    "I'm currently out of office",
    "Hi, I am currently out of the office until Monday.",
    "Thank you for your email. I am on annual leave and will respond when I return.",
    "I'm driving with Focus turned on. I'll see your message when I get where I'm going.",
]
OWN_WORDS = [
    "我在开会,等下聊",
    "在开车,晚点说",
    "正在开会",
    "现在有事",
    "有事不在,你微信我吧",
    "我现在有事不在,明天可以聊聊这个岗位吗",
    "您好,我现在有事不在,一会再和您联系,这个岗位薪资多少",
    "你这是自动回复吗",
    "这是自动回复吧?",
    "自动回复?",
    "自动回复",
    "我做过自动回复机器人",
    "收到",
    "已收到,我看看",
    "谢谢您的关注,我目前不考虑",
    "我出差了,回来再聊",
    "我在休假,下周联系",
    "请留言",
    "I'm out of office today, talk tomorrow",
    "I'm currently out of the office but interested, let's talk",
    "I am driving, later",
    "[图片]",
    "[表情]",
    "[语音]",
    "👍",
    "我" * 300,
]


@pytest.mark.parametrize("text", AUTO_REPLIES)
def test_automatic(text: str) -> None:
    assert is_auto_reply(text)
    assert judged(text, *OURS).verdict is Verdict.AUTO_REPLY


@pytest.mark.parametrize("text", OWN_WORDS)
def test_not_automatic(text: str) -> None:
    assert not is_auto_reply(text)
    assert judged(text, *OURS).verdict is Verdict.REPLY


@pytest.mark.parametrize(
    ("text", "prone"),
    [
        ("在吗?", True),
        ("好的", True),
        ("您好!", True),
        ("您好,请问在吗?", True),
        ("hello, thanks", True),
        ("{{name}}您好", True),
        ("{{name|您}}好,在吗", True),
        ("", True),
        ("。。。。。。。。", False),
        ("好" * 60, False),
        ("{{name|您}}好,Python开发岗位还在招", False),
        (ASK, False),
        (SECOND, False),
    ],
)
def test_texts_that_the_echo_filter_would_eat(text: str, *, prone: bool) -> None:
    assert is_echo_prone(text) is prone


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("您好,在吗?", "您好 在吗?"),
        ("ＡＢＣ １２３", "abc123"),
        ("您\u200b好\ufe0f", "您好"),
        ("「您好」", "“您好”"),
        ("Straße", "STRASSE"),
        ("e\u0301", "é"),
        ("……", "......"),
    ],
)
def test_normalised_texts_are_equal(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


def test_an_emoji_and_a_question_mark_make_another_text() -> None:
    assert len({normalise(text) for text in ("您好", "您好?", "您好👍", "您好!")}) == 4
