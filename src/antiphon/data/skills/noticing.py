"""How something sounds: questions about it, asked aloud, and replies that answer to it.

A question follows what it is about, in another voice ("how does the speaker feel?"), or is asked by whom it is about
("how do i sound?"). A remark says nothing by its words: what nano replies depends on how it is said and what is heard.
The held-out fillings are the sentences that are said.
"""

import re
from dataclasses import replace
from functools import cache
from random import Random

from antiphon.data import tables, world
from antiphon.data.grammar import HELD_SLOTS, Family, Split, ask, fraction
from antiphon.data.skills import hanzi, phrases
from antiphon.data.skills.classes import DIMENSIONS, Dimension
from antiphon.data.skills.exchange import (
    LANGUAGES,
    Conversation,
    Language,
    Part,
    Skill,
    Sound,
    Turn,
    Who,
    said,
    texts_of,
    wording,
)

SOUNDS: dict[str, Sound] = {"event": "event", "scene": "scene", "vocal": "vocal"}  # dimensions beside the speaker
NAME, ASKER = "speaker", "user"
PLAIN = {  # what must stay as usual where something else is asked
    "pitch": {"style": "modal", "emotion": "neutral"},
    "timbre": {"style": "modal", "emotion": "neutral"},
    "emotion": {"style": "modal", "rhythm": "even"},
    "style": {"emotion": "neutral"},
    "speed": {"rhythm": "even", "emotion": "neutral"},
    "rhythm": {"speed": "normal", "emotion": "neutral"},
}

# Of each dimension and language: questions about another, topics, and the reply; then the same about oneself.
Asked = tuple[tuple[str, ...], tuple[str, ...], str]
ABOUT_OTHERS: dict[Language, dict[str, Asked]] = {
    "en": {
        "gender": (("is that a man or a woman", "did you hear a man or a woman"),
                   ("if that is a man or a woman",), "that is {x}."),
        "age": (("how old is the speaker", "what is the age of the speaker"), ("how old the speaker is",),
                "that is {x}."),
        "timbre": (("what is the voice like", "is the voice bright or dark"), ("what the voice is like",),
                   "the voice is {x}."),
        "pitch": (("is the voice high or low", "how high is the voice"), ("how high the voice is",),
                  "the voice is {x}."),
        "speed": (("how fast does the speaker talk", "is the speaker fast or slow"),
                  ("how fast the speaker talks",), "the speaker is {x}."),
        "style": (("what is the style of the voice", "in which style does the speaker talk"),
                  ("the style of the voice",), "the style is {x}."),
        "emotion": (("how does the speaker feel", "what is the mood of the speaker"), ("how the speaker feels",),
                    "the speaker sounds {x}."),
        "rhythm": (("what is the rhythm of the speaker", "how does the voice flow"),
                   ("the rhythm of the speaker",), "the rhythm is {x}."),
        "event": (("what do you hear", "what is that sound"), ("what you hear",), "i hear {x}."),
        "scene": (("where is the speaker", "where are we now"), ("where the speaker is",), "that is {x}."),
        "vocal": (("which sound did the speaker make", "what did the speaker do"),
                  ("what the speaker did",), "the speaker {x}."),
        "instrument": (("which instrument is that", "what makes the music"), ("which instrument that is",),
                       "that is {x}."),
        "tempo": (("how fast is the music", "is the music fast or slow"), ("how fast the music is",),
                  "the music is {x}."),
    },
    "zh": {
        "gender": (("说话的人是男的还是女的", "你听到的是男的还是女的"), ("说话的人是男的还是女的",),
                   "说话的人是{x}。"),
        "age": (("说话的人多大", "说话的是小孩还是老人"), ("说话的人多大",), "说话的人是{x}。"),
        "timbre": (("说话的人音色怎么样", "这是什么音色"), ("说话的人的音色",), "音色{x}。"),
        "pitch": (("说话的人声音高不高", "声音是高还是低"), ("声音的高低",), "声音{x}。"),
        "speed": (("说话的人快不快", "说话的人是快还是慢"), ("说话的快慢",), "说话的人{x}。"),
        "style": (("说话的人用什么方式说话", "这是什么方式"), ("说话的方式",), "说话的方式是{x}。"),
        "emotion": (("说话的人心情怎么样", "说话的人是什么心情"), ("说话的人的心情",), "说话的人听起来{x}。"),
        "rhythm": (("说话的节奏怎么样", "这是什么节奏"), ("说话的节奏",), "节奏{x}。"),
        "event": (("你听到了什么", "这是什么声音"), ("你听到了什么",), "我听到{x}。"),
        "scene": (("说话的人在哪里", "这是在哪里"), ("说话的人在哪里",), "说话的人在{x}。"),
        "vocal": (("说话的人怎么了", "说话的人做了什么"), ("说话的人做了什么",), "说话的人{x}。"),
        "instrument": (("这是什么乐器", "你听到了什么乐器"), ("这是什么乐器",), "这是{x}。"),
        "tempo": (("音乐快不快", "音乐是快还是慢"), ("音乐的快慢",), "音乐{x}。"),
    },
}  # fmt: skip
ABOUT_ONESELF: dict[Language, dict[str, Asked]] = {
    "en": {
        "gender": (("am i a man or a woman",), ("if i am a man or a woman",), "you are {x}."),
        "age": (("how old am i", "how old do i sound"), ("how old i am",), "you are {x}."),
        "pitch": (("is my voice high or low",), ("how high my voice is",), "your voice is {x}."),
        "speed": (("how fast do i talk",), ("how fast i talk",), "you are {x}."),
        "emotion": (("how do i sound", "how do i feel"), ("how i feel",), "you sound {x}."),
        "scene": (("where am i", "where am i now"), ("where i am",), "you are {x}."),
        "style": (("what is my style",), ("my style",), "your style is {x}."),
    },
    "zh": {
        "gender": (("我是男的还是女的",), ("我是男的还是女的",), "你是{x}。"),
        "age": (("我多大", "我听起来多大"), ("我多大",), "你是{x}。"),
        "pitch": (("我的声音高不高",), ("我的声音高不高",), "你的声音{x}。"),
        "speed": (("我说话快不快",), ("我说话快不快",), "你说话{x}。"),
        "emotion": (("我听起来怎么样", "我的心情怎么样"), ("我的心情",), "你听起来{x}。"),
        "scene": (("我在哪里",), ("我在哪里",), "你在{x}。"),
        "style": (("我用什么方式说话",), ("我说话的方式",), "你说话的方式是{x}。"),
    },
}  # fmt: skip


def content(rng: Random, language: Language, split: Split) -> str:
    """Draw what is said while something else is judged; for the split "slots", a sentence that is never trained on."""
    while True:
        text = world.sentences(rng) if language == "en" else phrases.sentence(rng, "zh")
        if (fraction("said", text) < HELD_SLOTS) == (split == "slots"):
            return text


def example(dimension: str, kind: str, text: str, language: Language, who: str = NAME) -> tuple[Part, ...]:
    """What must be heard so that a class of a dimension is heard, with words that are said meanwhile."""
    if dimension in ("instrument", "tempo"):
        instrument, tempo = (kind, "") if dimension == "instrument" else ("", kind)
        return (Part(kind="music", what=instrument, tempo=tempo),)
    speaker = Who(name=who, **PLAIN.get(dimension, {}))
    if dimension == "event":
        return (Part(kind="event", what=kind),)
    if dimension == "scene":
        return (Part(kind="scene", what=kind, under=True), said(text, language, speaker))
    if dimension == "vocal":
        return (Part(kind="vocal", what=kind, who=speaker), said(text, language, speaker))
    return (said(text, language, Who(**{**PLAIN.get(dimension, {}), "name": who, dimension: kind})),)


def _question(dimension: Dimension, language: Language, oneself: bool) -> Skill:
    """Ask for the class of one dimension."""
    questions, topics, reply = (ABOUT_ONESELF if oneself else ABOUT_OTHERS)[language][dimension.name]
    spread = ask if language == "en" else hanzi.ask
    name = f"{dimension.name}{' of oneself' if oneself else ''} {language}"
    family = Family(name=name, task="hear", asks=spread(questions, topics), reply=reply)

    def draw(rng: Random, split: Split) -> Conversation:
        kind, question = rng.choice(list(dimension.classes)), wording(family, rng, split)
        text = content(rng, language, split)
        if oneself:
            heard = example(dimension.name, kind, question, language, who=ASKER)
        else:
            heard = (*example(dimension.name, kind, text, language), said(question, language))
        if dimension.name == "event" and rng.random() < 0.4:  # behind somebody's words
            heard = (Part(kind="event", what=kind, under=True), said(text, language, Who(name=NAME)), heard[-1])
        named = dimension.says(kind, language)
        turn = Turn(
            heard=heard,
            reply=reply.replace("{x}", named),
            language=language,
            must=(dimension.names(kind, language),),
            never=dimension.others(kind, language),
            task="hear",
            family=name,
            template=question,
            slots=(("class", kind), *((("said", text),) if not oneself else ())),
            split=split,
        )
        return Conversation(task="hear", language=language, turns=(turn,))

    names = tuple(dimension.says(kind, language) for kind in dimension.classes)
    splits: tuple[Split, ...] = ("train", "template") if oneself else ("train", "template", "slots")
    return Skill(
        name=dimension.name + (" of oneself" if oneself else ""), task="hear", language=language, draw=draw,
        texts=(*texts_of(family), *names), splits=splits,
    )  # fmt: skip


# What nano replies to a remark, by what is heard with it: (dimension, class): English, Chinese.
REACTIONS: dict[tuple[str, str], tuple[str, str]] = {
    ("emotion", "neutral"): ("i see, thank you.", "好的，谢谢。"),
    ("emotion", "happy"): ("you sound happy. i am glad too.", "你听起来很高兴，我也高兴。"),
    ("emotion", "sad"): ("you sound sad. i am sorry.", "你听起来很难过，我在这里。"),
    ("emotion", "angry"): ("you sound angry. please be calm.", "你听起来生气了，请平静一点。"),
    ("emotion", "tired"): ("you sound tired. please rest.", "你听起来很累，请休息一下。"),
    ("emotion", "afraid"): ("you sound afraid. i am here.", "你听起来害怕，我在这里。"),
    ("emotion", "excited"): ("you sound excited. tell me more.", "你听起来很激动，请多说一点。"),
    ("style", "whisper"): ("you whisper. i can whisper too.", "你用耳语说话，我也轻声说。"),
    ("age", "child"): ("hello, my little friend.", "你好，小朋友。"),
    ("speed", "fast"): ("you are very fast. please slow down.", "你说话很快，请慢一点。"),
    ("vocal", "cough"): ("that is a bad cough. please drink water.", "你咳嗽了，请多喝水。"),
    ("vocal", "sneeze"): ("bless you.", "你打喷嚏了，请多休息。"),
    ("vocal", "yawn"): ("you yawn. please go to bed soon.", "你打哈欠了，请早点休息。"),
    ("vocal", "laugh"): ("you laugh. that is nice.", "你笑了，真好。"),
    ("vocal", "crying"): ("please do not cry. i am here.", "请不要哭，我在这里。"),
    ("vocal", "sigh"): ("that was a big sigh. what is wrong?", "你叹气了，怎么了？"),
    ("scene", "street"): ("the street is loud. can you hear me?", "街上很吵，你能听到我吗？"),
    ("scene", "train"): ("you are on a train. where do you go?", "你在火车上，你去哪里？"),
    ("scene", "sea"): ("i hear the sea. is it nice there?", "我听到大海，那里好吗？"),
    ("event", "rain"): ("i hear rain. please stay at home.", "我听到雨声，请在家里休息。"),
    ("event", "dog"): ("i hear a dog. is it your dog?", "我听到狗叫，是你的狗吗？"),
    ("event", "phone"): ("i hear a phone. is it your phone?", "我听到电话，是你的手机吗？"),
    ("event", "knock"): ("i hear a knock. who is at the door?", "有人敲门，是谁？"),
}
REMARKS: dict[Language, tuple[str, ...]] = {
    "en": ("i am back.", "i am home now.", "here i am.", "i want to talk with you.", "i was in {city} today.",
           "today is {day}.", "i was with {name} today.", "now it is {day}, nano.", "i come from {city} now.",
           "{name} was here today."),
    "zh": ("我回来了。", "我到家了。", "我在这里。", "我想和你说话。", "今天是{day}。", "我今天去{city}。",
           "我今天去{place}。", "你好，今天是{day}。", "我来自{city}。", "我和{person}说话了。"),
}  # fmt: skip


def _remark(rng: Random, language: Language, split: Split) -> tuple[Family, str, str]:
    """Draw a remark: the family of its wordings, the wording, and the words."""
    family = Family(name=f"remark {language}", task="react", asks=REMARKS[language], reply="")
    side = 0 if language == "en" else 1
    template = wording(family, rng, "template" if split == "template" else "train")
    while True:
        row = {name: rng.choice(phrases.TABLES[name])[side] for name in ("city", "day", "place", "person")}
        row["name"] = rng.choice(tables.NAMES)
        text = template
        for name, value in row.items():
            text = text.replace("{" + name + "}", value)
        if split == "template" or (fraction("remark", text) < HELD_SLOTS) == (split == "slots"):
            return family, template, text
        template = wording(family, rng, "train")


def _reaction(dimension: str, language: Language) -> Skill:
    """Reply to a remark as it is said; a feeling is taken in as often when there is none."""
    able = {kind: replies for (where, kind), replies in REACTIONS.items() if where == dimension}
    plain = REACTIONS["emotion", "neutral"]
    side = 0 if language == "en" else 1
    openings = {_opening(pair[side]) for pair in (*able.values(), plain)}

    def draw(rng: Random, split: Split) -> Conversation:
        _, template, text = _remark(rng, language, split)
        kind = rng.choice(list(able) if dimension == "emotion" else [*able, ""])
        who = Who(emotion="neutral", style="modal", speed="normal", age=rng.choice(("young", "middle-aged")))
        sound: tuple[Part, ...] = ()
        if kind and dimension in SOUNDS:
            sound = (Part(kind=SOUNDS[dimension], what=kind, who=who, under=dimension == "scene"),)
        elif kind:
            who = replace(who, **{dimension: kind})
        heard = (*sound, said(text, language, who))
        reply = able.get(kind, plain)[side]
        turn = Turn(
            heard=heard, reply=reply, language=language, manner="whisper" if kind == "whisper" else "plain",
            must=((_opening(reply),),), never=tuple(sorted(openings - {_opening(reply)})),
            task="react", family=f"react {dimension} {language}", template=template,
            slots=(("class", kind or "neutral"), ("said", text)), split=split,
        )  # fmt: skip
        return Conversation(task="react", language=language, turns=(turn,))

    replies = tuple(pair[side] for pair in REACTIONS.values())
    names = tables.NAMES if language == "en" else ()
    texts = (*replies, *REMARKS[language], *names, *phrases.texts(language))
    return Skill(name=f"react to {dimension}", task="react", language=language, draw=draw, texts=texts)


def _opening(reply: str) -> str:
    """The first clause of a reply, which names what was noticed."""
    return re.split("[,.?，。？]", reply)[0]


@cache
def skills() -> tuple[Skill, ...]:
    """Every question about sound, and every reaction to it."""
    found: list[Skill] = []
    makers: tuple[tuple[dict[Language, dict[str, Asked]], bool], ...] = ((ABOUT_OTHERS, False), (ABOUT_ONESELF, True))
    for table, oneself in makers:
        for language in LANGUAGES:
            found += [_question(DIMENSIONS[name], language, oneself) for name in table[language]]
    reacting = dict.fromkeys(dimension for dimension, _ in REACTIONS)
    found += [_reaction(dimension, language) for language in LANGUAGES for dimension in reacting]
    return tuple(found)


