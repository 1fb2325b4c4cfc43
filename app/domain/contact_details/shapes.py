"""What a WeChat ID can look like, and what only looks like one."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from app.patterns import compile_later

SHORTEST: Final = 6
LONGEST: Final = 20


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TOKEN: Final = compile_later(r"(?<![A-Za-z0-9_])(?<![A-Za-z0-9_]-)[A-Za-z][A-Za-z0-9_\-]{5,}+")
_DIGITS: Final = compile_later(r"(?<![A-Za-z0-9_.\-+])[1-9]\d{5,10}(?![A-Za-z0-9_]|[.\-]\d)")
_SPACED_OUT: Final = compile_later(r"[A-Za-z](?:[ .·•]{1,2}[A-Za-z0-9_\-]){5,19}+(?![ .·•]{0,2}[A-Za-z0-9_\-])")
_CONTINUED: Final = compile_later(
    r"\.[a-z0-9]|@|[\\/=][A-Za-z0-9]|:[\\/]|::|\((?!(?:[vw]x?|we ?chat|weixin|qq)\))[A-Za-z0-9_, ]*\);?$"
)

_CUE_WORDS: Final = _words(
    "weixin wechat wechatid weixinid weixinhao wexin wechet wehcat wetchat phone mobile telephone qqmail"
)
# Identifiers of programs and official accounts: an app id, an official account's original id.
_PROGRAM_ID: Final = compile_later(r"wx[0-9a-f]{16}|gh_[0-9a-f]{12}|ww[0-9a-f]{16}", re.IGNORECASE)
_JOB_CODE: Final = compile_later(
    r"[A-Z]{1,5}-\d[\d\-]*|[A-Z]{1,3}_\d[\d\-]*|[A-Z]2[A-Z].*|[A-Z]{1,2}\d+|[A-Z]+\d+[A-Z][A-Z0-9]*|[A-Z]{2,5}\d{9,}"
)
_WORD: Final = compile_later(r"[a-z]+")
_MODEL_SUFFIX: Final = compile_later(r"(?<=[a-z]{3})(?:x|s|pro|max|plus|mini|air|ultra|note|beta|js)$")

# First words of software, devices, standards, courses, companies and places. With a number behind
# (python3, iphone15-pro, covid-19) they are no names of people.
_TECHNICAL: Final = _words(
    """
    python java javascript typescript golang rust kotlin swift php ruby scala node nodejs vue vuejs react angular
    svelte next nuxt jquery bootstrap webpack vite babel spring springboot springcloud mybatis hibernate django
    flask fastapi tornado celery laravel thinkphp dotnet netcore csharp cpp mysql postgres postgresql postgre
    oracle sqlserver sqlite redis mongodb mongo elasticsearch elastic kafka rabbitmq rocketmq activemq zookeeper
    nacos dubbo docker kubernetes linux ubuntu centos debian redhat fedora windows win android ios ipados macos
    harmony harmonyos hongmeng iphone ipad macbook imac xiaomi redmi huawei honor oppo vivo mate pixel galaxy
    samsung thinkpad lenovo rtx gtx amd ryzen intel core xeon stm esp arm cortex riscv mips fpga plc siemens
    gpt chatgpt openai claude gemini llama qwen deepseek glm kimi doubao bert yolo resnet transformer pytorch
    tensorflow keras paddle cuda opencv numpy pandas covid http https html css es ecmascript web oauth jwt base
    sha md utf gbk gb unicode ascii ipv tls ssl ssh ftp tcp udp rfc iso ieee cet ielts toefl gre gmat hsk pmp cpa
    cfa acca mba emba erp crm sap oa office word excel powerpoint photoshop ps pr ae cad autocad solidworks
    unity unreal cocos godot blender maya figma sketch axure uniapp taro flutter electron wxapp wxss wxml
    miniprogram webhook webview openid unionid appid appsecret apikey sdk api app apk ipa jdk jre sdk npm pnpm
    yarn git github gitlab gitee jenkins maven gradle tomcat nginx apache hadoop spark flink hive hbase
    clickhouse doris starrocks tidb oceanbase dm kingbase opengauss x86 amd64 arm64 log log4j fastjson jackson
    selenium playwright pytest junit jmeter postman appium version ver model type room floor building block
    version build release issue bug pr task jira test demo sample example null undefined true false step day
    vxlan vxworks wxjava wxpython wxwidgets
    wi wifi tv lcd led usb hdmi vga ddr ssd nvme pcie bluetooth lora nb iot gps rfid
    week month year page chapter part level grade class group team line gate zone area unit server client
    resume cv readme image img photo pic video file doc report contract invoice order
    """
)
_PLAIN_WORDS: Final = _words(
    """
    thanks thank hello please sorry welcome python android iphone windows wechat weixin alipay taobao tencent
    alibaba baidu huawei xiaomi meituan bytedance douyin kuaishou weibo zhihu bilibili pinduoduo netease jingdong
    beijing shanghai shenzhen guangzhou hangzhou chengdu wuhan nanjing suzhou xiamen china chinese english
    offline online remote resume manager engineer frontend backend fullstack developer designer product payment
    account number contact mobile message available interview position salary company working currently because
    should would could really already another address website service support system software program business
    enterprise official public private required needed blocked linked wrong correct
    """
)
_COMPOUND_PARTS: Final = _words(
    """
    end time up in on off out to of site line mail day class side driven based level term free only ray shirt
    known friendly stack ready first user name id at data list get set is type module modules created updated time
    file key value url token admin config index open source back front full part long short high low self
    real one two three face follow check log sign well non pre post co re multi cross pay web app api sdk
    server client model view controller service test case code ticket secret msg send session template info
    callback notify utils helper flag status count num max min temp
    """
)
_SYLLABLE: Final = compile_later(
    r"(?:zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw])(?:iang|iong|uang|ang|eng|ing|ong|ian|iao|uan|uai|ai|ei|ao|ou|an|en|in|un|ia|ie"
    r"|iu|ua|ue|ui|uo|ve|a|o|e|i|u|v)|(?:ang|ai|an|ao|er|ou|en|a|e|o)"
)
_LONGEST_SYLLABLE: Final = 6
_LONGEST_VERSION: Final = 4
"""Digits of a version or a year behind the name of a product."""
_DIGITS_OF_A_PRODUCT: Final = 2
"""More digits than a product's name has make a token somebody's ID."""
_SYLLABLES_OF_A_WORD: Final = 1
"""One syllable alone is rather an English word than pinyin."""


class Token(NamedTuple):
    """Characters that can be a WeChat ID and where they stand."""

    value: str
    start: int
    end: int


def tokens(masked: str) -> Iterator[Token]:
    """Every token of letters, digits, `_` and `-` that begins with a letter and has the right length."""
    for match in _TOKEN.finditer(masked):
        value = match[0].rstrip("-")
        end = match.start() + len(value)
        if not SHORTEST <= len(value) <= LONGEST or value.lower() in _CUE_WORDS or len(set(value.lower())) == 1:
            continue
        if _PROGRAM_ID.fullmatch(value) or _CONTINUED.match(masked[end : end + 24]):
            continue
        yield Token(value, match.start(), end)


def digit_runs(masked: str) -> Iterator[Token]:
    """Every free-standing run of 6 to 11 digits."""
    for match in _DIGITS.finditer(masked):
        yield Token(match[0], match.start(), match.end())


def spaced_out(masked: str, start: int) -> Token | None:
    """An ID whose characters stand apart (`h a n m e i`), if one begins at `start`."""
    match = _SPACED_OUT.match(masked, start)
    return match and Token(re.sub(r"[ .·•]", "", match[0]), match.start(), match.end())


def has_sign(value: str) -> bool:
    """Whether a digit, `_` or `-` makes the token more than a word."""
    return not value.isalpha()


def is_technical(value: str) -> bool:
    """Whether the token is the name of software, a device, a standard, or a word of everyday English."""
    lower = value.lower()
    if lower in _PLAIN_WORDS or lower in _TECHNICAL:
        return True
    words = _WORD.findall(lower)
    if not has_sign(value) or not words:
        return False
    others_are_names = len(words) > 1 and all(_is_syllables(word) for word in words[1:])
    if others_are_names and not any(char.isdigit() for char in lower):
        return False
    stem = _MODEL_SUFFIX.sub("", words[0])
    return not _TECHNICAL.isdisjoint({words[0], stem}) and len(re.sub(r"\D", "", value)) <= _LONGEST_VERSION


def is_code(value: str) -> bool:
    """Whether the token looks like a number of a job, a ticket, a flight or a pass (`WX-2201`)."""
    return _JOB_CODE.fullmatch(value) is not None


def is_compound_word(value: str) -> bool:
    """Whether letters are only joined by `-` or `_` into an English compound or a name in a program."""
    lower = value.lower()
    parts = re.split(r"[-_]+", lower)
    if len(parts) == 1 or any(char.isdigit() for char in lower):
        return False
    return len(parts[0]) == 1 or any(part in _COMPOUND_PARTS for part in parts)


def is_plausible_alone(value: str) -> bool:
    """Whether a token with a sign looks like somebody's ID rather than a product even without any cue."""
    if is_technical(value) or is_code(value) or is_compound_word(value):
        return False
    parts = re.split(r"[-_]+", value)
    pinyin = all(_is_syllables(word) for word in _WORD.findall(value.lower()))
    if "-" in value and not pinyin:
        return value.islower() and _is_lone_pair(parts)
    digits = sum(map(str.isdigit, value))
    return pinyin or "_" in value or digits > _DIGITS_OF_A_PRODUCT or value.islower()


def _is_lone_pair(parts: list[str]) -> bool:
    """Two words, or a word and a longer number: a nickname rather than a product and its version."""
    match parts:
        case [first, second]:
            is_longer = second.isdigit() and len(second) > _DIGITS_OF_A_PRODUCT
            return first.isalpha() and (second.isalpha() or is_longer)
    return False


def is_pinyin(value: str) -> bool:
    """Whether the letters can be read as two or more syllables of pinyin."""
    return _syllables(value.lower()) > _SYLLABLES_OF_A_WORD


def _is_syllables(word: str) -> bool:
    return _syllables(word) > 0


def _syllables(lower: str) -> int:
    """The most syllables of pinyin that the letters can be read as; -1 if they cannot."""
    reach = [0] + [-1] * len(lower)
    for start in range(len(lower)):
        if reach[start] < 0:
            continue
        for end in range(start + 1, min(len(lower), start + _LONGEST_SYLLABLE) + 1):
            if _SYLLABLE.fullmatch(lower, start, end):
                reach[end] = max(reach[end], reach[start] + 1)
    return reach[-1]
