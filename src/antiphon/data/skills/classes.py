"""The classes of sound that nano tells apart, and their names in two languages.

Each dimension is a row of classes, by the names that the data engine has for them. For each: what nano says in English,
what else a judge takes for it, and the same in Chinese; names apart by "/".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from antiphon.data.skills.exchange import Language

Names = tuple[str, str, str, str]


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """What may be asked about a sound: its classes and their names."""

    name: str
    classes: Mapping[str, Names]

    def says(self, kind: str, language: Language) -> str:
        """How nano names a class."""
        return self.classes[kind][0 if language == "en" else 2]

    def names(self, kind: str, language: Language) -> tuple[str, ...]:
        """All names by which a class may be called."""
        said, also = self.classes[kind][:2] if language == "en" else self.classes[kind][2:]
        return (said, *(name for name in also.split("/") if name))

    def others(self, kind: str, language: Language) -> tuple[str, ...]:
        """The names of all other classes, but for those that are part of a name of this one."""
        mine = self.names(kind, language)
        every = (name for other in self.classes if other != kind for name in self.names(other, language))
        return tuple(name for name in every if not any(name in own for own in mine))


def _dimension(name: str, classes: dict[str, Names]) -> Dimension:
    return Dimension(name=name, classes=MappingProxyType(classes))


DIMENSIONS: Mapping[str, Dimension] = MappingProxyType(
    {
        dimension.name: dimension
        for dimension in (
            _dimension(
                "gender",
                {
                    "female": ("a woman", "woman/female/girl/lady", "女的", "女"),
                    "male": ("a man", "man/male/boy/guy", "男的", "男"),
                },
            ),
            _dimension(
                "age",
                {
                    "child": ("a child", "child/kid/boy/girl", "小孩", "孩子/儿童"),
                    "young": ("a young person", "young", "年轻人", "年轻/青年"),
                    "middle-aged": ("a middle aged person", "middle aged", "中年人", "中年"),
                    "elderly": ("an old person", "old/elderly", "老人", "老年"),
                },
            ),
            _dimension(
                "timbre",
                {
                    "neutral": ("plain", "neutral/normal", "普通", "一般/中性"),
                    "bright": ("bright", "clear", "明亮", "清亮"),
                    "dark": ("dark", "deep", "低沉", "深沉"),
                    "hoarse": ("rough", "hoarse", "沙哑", "粗哑"),
                },
            ),
            _dimension(
                "pitch",
                {
                    "low": ("low", "deep", "很低", "低"),
                    "medium": ("in the middle", "middle/medium/normal", "中等", "一般"),
                    "high": ("high", "", "很高", "高"),
                },
            ),
            _dimension(
                "speed",
                {
                    "slow": ("slow", "slowly", "很慢", "慢"),
                    "normal": ("normal", "medium", "正常", "中等"),
                    "fast": ("fast", "quick", "很快", "快"),
                },
            ),
            _dimension(
                "style",
                {
                    "modal": ("normal", "plain", "正常", "普通"),
                    "whisper": ("a whisper", "whispers/whispered/whispering", "耳语", "悄悄话"),
                    "creak": ("creaky", "creak", "沙声", "气泡音"),
                    "soft": ("soft", "softly", "轻声", "轻柔"),
                },
            ),
            _dimension(
                "emotion",
                {
                    "neutral": ("normal", "neutral/plain", "平常", "中性"),
                    "happy": ("happy", "glad", "高兴", "开心/快乐"),
                    "sad": ("sad", "unhappy", "难过", "悲伤/伤心"),
                    "angry": ("angry", "mad", "生气", "愤怒"),
                    "calm": ("calm", "relaxed", "平静", "冷静"),
                    "excited": ("excited", "thrilled", "激动", "兴奋"),
                    "tired": ("tired", "sleepy", "很累", "疲惫"),
                    "afraid": ("afraid", "scared", "害怕", "恐惧"),
                },
            ),
            _dimension(
                "rhythm",
                {
                    "even": ("even", "steady", "平稳", "流畅"),
                    "halting": ("full of stops", "stops/halting/pauses", "有停顿", "停顿"),
                    "rushed": ("rushed", "hurried", "很急", "急促"),
                    "dragging": ("long drawn", "drawn/dragging", "拖长", "拖沓"),
                },
            ),
            _dimension(
                "event",
                {
                    "rain": ("rain", "raining", "雨声", "下雨/雨"),
                    "wind": ("wind", "windy", "风声", "风"),
                    "thunder": ("thunder", "storm", "雷声", "打雷/雷"),
                    "water": ("water", "bubbles", "水声", "流水/水"),
                    "bell": ("a bell", "bell/bells", "钟声", "铃声"),
                    "alarm": ("an alarm", "alarm/beeps", "警报", "闹钟"),
                    "phone": ("a phone", "phone/telephone", "电话", "手机"),
                    "siren": ("a siren", "siren", "警笛", "警车"),
                    "engine": ("an engine", "engine/motor", "发动机", "引擎"),
                    "traffic": ("cars", "traffic/car", "汽车", "车流"),
                    "clock": ("a clock", "clock/ticking", "时钟", "滴答"),
                    "keyboard": ("a keyboard", "keyboard/typing", "键盘", "打字"),
                    "applause": ("hands that clap", "clap/clapping/applause", "掌声", "鼓掌"),
                    "footsteps": ("steps", "footsteps/walking", "脚步", "走路"),
                    "knock": ("a knock at the door", "knock/knocking", "敲门", ""),
                    "glass": ("glass that breaks", "glass", "玻璃", ""),
                    "dog": ("a dog", "dog/barking", "狗叫", "狗"),
                    "cat": ("a cat", "cat/meow", "猫叫", "猫"),
                    "bird": ("a bird", "bird/birds", "鸟叫", "鸟"),
                },
            ),
            _dimension(
                "scene",
                {
                    "street": ("on the street", "street/road", "街上", "马路/街"),
                    "office": ("in an office", "office", "办公室", ""),
                    "kitchen": ("in a kitchen", "kitchen", "厨房", ""),
                    "forest": ("in a forest", "forest/woods", "森林里", "森林/树林"),
                    "train": ("on a train", "train", "火车上", "火车"),
                    "restaurant": ("in a restaurant", "restaurant/cafe", "餐厅", "饭店"),
                    "sea": ("at the sea", "sea/beach/ocean", "海边", "大海"),
                    "room": ("in a quiet room", "room", "房间里", "房间"),
                },
            ),
            _dimension(
                "vocal",
                {
                    "laugh": ("laughs", "laugh/laughed/laughter/laughing", "笑了", "笑"),
                    "cough": ("coughs", "cough/coughed/coughing", "咳嗽了", "咳嗽"),
                    "sigh": ("sighs", "sigh/sighed/sighing", "叹气了", "叹气"),
                    "sneeze": ("sneezes", "sneeze/sneezed/sneezing", "打喷嚏了", "喷嚏"),
                    "yawn": ("yawns", "yawn/yawned/yawning", "打哈欠了", "哈欠"),
                    "crying": ("cries", "cry/cried/crying", "哭了", "哭"),
                    "throat": ("clears the throat", "throat", "清嗓子了", "嗓子"),
                    "breath": ("breathes", "breath/breathing", "喘气了", "呼吸"),
                },
            ),
            _dimension(
                "instrument",
                {
                    "piano": ("a piano", "piano", "钢琴", ""),
                    "guitar": ("a guitar", "guitar", "吉他", ""),
                    "flute": ("a flute", "flute", "笛子", ""),
                    "drum": ("a drum", "drum/drums", "鼓声", "鼓"),
                    "organ": ("an organ", "organ", "风琴", ""),
                    "chime": ("bells", "chime/chimes/bell", "铃声", "铃"),
                },
            ),
            _dimension(
                "tempo",
                {
                    "slow": ("slow", "", "很慢", "慢"),
                    "medium": ("in the middle", "medium/middle", "中等", "一般"),
                    "fast": ("fast", "quick", "很快", "快"),
                },
            ),
        )
    }
)

ELEVEN = (
    "gender", "age", "timbre", "scene", "event", "emotion", "pitch", "rhythm", "speed", "style", "vocal",
)  # fmt: skip
