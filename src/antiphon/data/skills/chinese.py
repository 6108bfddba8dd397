"""Conversation in Chinese: greetings, facts, sums to 99, saying after the speaker, one thing told and remembered.

Smaller than the English world and of the same make: families of wordings, rows that fill them, and true replies.
"""

from functools import cache
from random import Random

from antiphon.data.grammar import Family, Split, fill
from antiphon.data.skills import hanzi, phrases
from antiphon.data.skills.exchange import SPLITS, Conversation, Skill, Turn, said, texts_of
from antiphon.data.skills.hanzi import WEEK, spoken
from antiphon.data.tables import Row

CAPITALS = (("法国", "巴黎"), ("意大利", "罗马"), ("日本", "东京"), ("中国", "北京"), ("英国", "伦敦"),
            ("德国", "柏林"), ("埃及", "开罗"), ("俄罗斯", "莫斯科"))  # fmt: skip
COLOR_OF = (("雪", "白色"), ("牛奶", "白色"), ("太阳", "黄色"), ("天", "蓝色"), ("大海", "蓝色"), ("森林", "绿色"),
            ("巧克力", "棕色"), ("猪", "粉色"))  # fmt: skip
LEGS = (("狗", "四"), ("猫", "四"), ("牛", "四"), ("马", "四"), ("鸟", "两"), ("鸭子", "两"), ("狮子", "四"))
OPPOSITES = (("大", "小"), ("热", "冷"), ("高", "低"), ("快", "慢"), ("新", "旧"), ("好", "坏"), ("远", "近"),
             ("开", "关"), ("上", "下"), ("男", "女"), ("早", "晚"))  # fmt: skip
FAVOURITES = {
    "颜色": tuple(zh for _, zh in phrases.TABLES["color"]),
    "动物": tuple(zh for _, zh in phrases.TABLES["animal"]),
    "食物": tuple(zh for _, zh in phrases.TABLES["food"]),
}


def _family(name: str, reply: str, *asks: str, rows: tuple[Row, ...] = ({},), by: tuple[str, ...] = ()) -> Family:
    return Family(name=f"{name} zh", task="talk", asks=asks, reply=reply, rows=rows, held_by=by)


@cache
def greetings() -> tuple[Family, ...]:
    """Greetings, thanks and questions about nano itself."""
    ask = hanzi.ask
    return (
        _family("hello", "你好，我能帮你吗？",
                "你好。", "你好，你好。", "你好，朋友。", "你好，见到你很高兴。", "早，你好。"),
        _family("morning", "早上好。",
                "早上好。", "早上好，朋友。", "你好，早上好。", "早上好，你好。", "大家早上好。"),
        _family("night", "晚安。", "晚安。", "晚安，朋友。", "我很累，晚安。", "谢谢，晚安。", "晚安，明天见。"),
        _family("how are you", "我很好，谢谢。", *ask(("你好吗", "你今天好吗", "你今天怎么样"))),
        _family("thanks", "不客气。", "谢谢。", "非常感谢。", "谢谢你。", "谢谢你，朋友。", "好的，谢谢。"),
        _family("goodbye", "再见，明天见。", "再见。", "明天见。", "谢谢，再见。", "再见，朋友。", "我走了，再见。"),
        _family("hearing", "我能听到你。", *ask(("你能听到我吗", "你听到我了吗", "你在吗"))),
        _family("own name", "我叫安安。", *ask(("你叫什么名字", "你是谁"), ("你的名字",))),
        _family("own kind", "我是一台小电脑。", *ask(("你是什么", "你是人吗"))),
        _family("own skill", "我能听，也能说。", *ask(("你能做什么", "你会什么"))),
    )  # fmt: skip


def _rows(names: str, table: tuple[tuple[str, str], ...]) -> tuple[Row, ...]:
    first, second = names.split()
    return tuple({first: a, second: b} for a, b in table)


@cache
def facts() -> tuple[Family, ...]:
    """Tables, each row askable in many ways."""
    ask = hanzi.ask
    both = (*OPPOSITES, *((b, a) for a, b in OPPOSITES))
    days = tuple(zip(WEEK, (*WEEK[1:], WEEK[0]), strict=True))
    return (
        _family("capital", "{x}的首都是{y}。", *ask(("{x}的首都是哪里", "{x}的首都叫什么"), ("{x}的首都",)),
                rows=_rows("x y", CAPITALS)),
        _family("country", "{y}是{x}的首都。", *ask(("{y}是哪国的首都", "哪国的首都是{y}")),
                rows=_rows("x y", CAPITALS)),
        _family("color", "{x}是{y}的。", *ask(("{x}是什么颜色", "{x}是什么颜色的"), ("{x}的颜色",)),
                rows=_rows("x y", COLOR_OF)),
        _family("legs", "{x}有{y}条腿。", *ask(("{x}有几条腿", "{x}有多少条腿")), rows=_rows("x y", LEGS)),
        _family("opposite", "{x}的反面是{y}。", *ask(("{x}的反面是什么", "什么是{x}的反面"), ("{x}的反面",)),
                rows=_rows("x y", both)),
        _family("next day", "{x}的后面是{y}。", *ask(("{x}的后面是星期几", "{x}后面是什么"), ("{x}的后面",)),
                rows=_rows("x y", days)),
        _family("previous day", "{y}的前面是{x}。", *ask(("{y}的前面是星期几", "{y}前面是什么"), ("{y}的前面",)),
                rows=_rows("x y", days)),
    )  # fmt: skip


@cache
def sums() -> tuple[Family, ...]:
    """Additions and subtractions with results from 0 to 99; `pair` names the sum whatever the order of its terms."""
    plus = tuple(
        {"a": spoken(a), "b": spoken(b), "c": spoken(a + b), "pair": f"{max(a, b)}+{min(a, b)}"}
        for a in range(100)
        for b in range(100 - a)
    )
    minus = tuple(
        {"a": spoken(a), "b": spoken(b), "c": spoken(a - b), "pair": f"{a}-{b}"}
        for a in range(100)
        for b in range(a + 1)
    )
    ask = hanzi.ask
    return (
        _family("plus", "{a}加{b}是{c}。", *ask(("{a}加{b}是多少", "{a}加{b}是几"), ("{a}加{b}",), ("{a}加{b}？",)),
                rows=plus, by=("pair",)),
        _family("minus", "{a}减{b}是{c}。", *ask(("{a}减{b}是多少", "{a}减{b}是几"), ("{a}减{b}",), ("{a}减{b}？",)),
                rows=minus, by=("pair",)),
    )  # fmt: skip


SAY = ("请跟我说，{words}。", "跟我说，{words}。", "请说，{words}。", "你能说，{words}吗？", "请你说，{words}。",
       "说，{words}。", "请再说，{words}。")  # fmt: skip


@cache
def salad_words() -> tuple[str, ...]:
    """Words of two languages' tables in Chinese: fillings, in no sense together."""
    return tuple(dict.fromkeys(zh for table in phrases.TABLES.values() for _, zh in table))


def salad(rng: Random, count: int) -> str:
    """A row of words in which nothing can be guessed, with the mark that ends it."""
    return "".join(rng.choice(salad_words()) for _ in range(count)) + "。"


def _say_row(rng: Random) -> Row:
    if rng.random() < 0.3:
        return {"words": phrases.sentence(rng, "zh").rstrip("。？")}
    return {"words": salad(rng, rng.randint(2, 5)).rstrip("。")}


@cache
def repeating() -> Family:
    """Say after the speaker."""
    return Family(name="say zh", task="talk", asks=SAY, reply="{words}。", draw=_say_row, held_by=("words",))


@cache
def remembered() -> tuple[tuple[Family, Family], ...]:
    """What a speaker likes most, told; and the question that asks it back."""
    pairs = []
    for topic, values in FAVOURITES.items():
        rows: tuple[Row, ...] = tuple({"value": value} for value in values)
        tells = ("我喜欢的TOPIC是{value}。", "我最喜欢{value}。", "{value}是我最喜欢的TOPIC。",
                 "你好，我最喜欢{value}。", "我最喜欢的TOPIC是{value}。")  # fmt: skip
        asks = hanzi.ask(("我最喜欢什么TOPIC", "我喜欢什么TOPIC"), ("我最喜欢的TOPIC",))
        told, asked = (tuple(text.replace("TOPIC", topic) for text in texts) for texts in (tells, asks))
        tell = Family(name=f"tell {topic}", task="talk", asks=told, reply="好的，你最喜欢{value}。", rows=rows)
        back = Family(name=f"ask {topic}", task="talk", asks=asked, reply="你最喜欢{value}。", rows=rows)
        pairs.append((tell, back))
    return tuple(pairs)


def turn_of(family: Family, template: str, row: Row) -> Turn:
    """Fill a wording and its true reply."""
    return Turn(
        heard=(said(fill(template, row), "zh"),),
        reply=fill(family.reply, row),
        language="zh",
        task="talk",
        family=family.name,
        template=template,
        slots=tuple(row.items()),
        split=family.split(template, row),
    )


def _plain(name: str, families: tuple[Family, ...]) -> Skill:
    """Single exchanges of some families."""

    def draw(rng: Random, split: Split) -> Conversation:
        family = rng.choice([family for family in families if family.has(split)])
        return Conversation(task="talk", language="zh", turns=(turn_of(family, *family.pick(rng, split)),))

    splits = tuple(split for split in SPLITS if any(family.has(split) for family in families))
    return Skill(name=name, task="talk", language="zh", draw=draw, texts=texts_of(*families), splits=splits)


def _memory(rng: Random, split: Split) -> Conversation:
    """Told, most often something between, asked back."""
    tell, back = rng.choice(remembered())
    template, row = tell.pick(rng, "train" if split == "template" else split)
    question = rng.choice(sorted(back.held_templates) if split == "template" else back.train_templates)
    turns = [turn_of(tell, template, row), turn_of(back, question, row)]
    if rng.random() < 0.6:
        family = rng.choice((*greetings(), *facts()))
        turns.insert(1, turn_of(family, *family.pick(rng, "train")))
    return Conversation(task="talk", language="zh", turns=tuple(turns))


@cache
def skills() -> tuple[Skill, ...]:
    """Conversation in Chinese."""
    told = tuple(family for pair in remembered() for family in pair)
    return (
        _plain("greetings", greetings()),
        _plain("facts", facts()),
        _plain("sums", sums()),
        Skill(name="say", task="talk", language="zh", draw=_plain("say", (repeating(),)).draw,
              texts=(*SAY, *salad_words())),
        Skill(name="memory", task="talk", language="zh", draw=_memory, texts=texts_of(*told)),
    )  # fmt: skip
