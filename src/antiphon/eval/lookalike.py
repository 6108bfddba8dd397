"""Small data sets in the layout of every benchmark, made from nothing, and an oracle that knows their answers.

They hold what readers stumble over: columns that vary, sentences that repeat, a recording of another phase, long
recordings cut by time, a packed split, calls with trailing spaces, choices made of the same words, answers without a
right one. Sounds are tones drawn from the file's name; the oracle knows each by its hash.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from antiphon.eval.benchmarks.toolcall import TARGETS
from antiphon.eval.benchmarks.uro_bench import TRACKS

__all__ = ["build"]

RATE = 16_000
ENGLISH = ("THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG", "SHE PAID TWENTY DOLLARS FOR TWO BOOKS",
           "MISTER BAKER WILL NOT COME HOME TODAY")  # fmt: skip
CHINESE = ("今天 天气 很好", "我们 明天 三点开会", "他在 北京 大学学习")
PLAIN = tuple("".join(text.split()) for text in CHINESE)
FLEURS = {"en_us": "However, the 2nd fox ran 3.5 miles.", "cmn_hans_cn": "这是2025年的测试。", 
          "ja_jp": "きょうは良い天気です。", "ar_eg": "مَرْحَبًا بكم في القاهرة."}  # fmt: skip
PAIRS = (("The weather is nice today.", "今天天气很好。"), ("He studies at Peking University.", "他在北京大学学习。"))
TRAITS = {
    "gender": "我觉得是女性。", "age": "我觉得说话的人应该是青年，大概在20到30岁之间。",
    "voice_tone": "是男声，声音低沉温和。", "scene": "这是在公园里录的。",
    "event": "有狗在叫。", "emotions": "听起来很悲伤。", "pitch": "说话人的音调是中低音。", "rhythm": "节奏平稳流畅。",
    "speed": "说话人的语速是中慢速。",
    "voice_styles": "像是新闻播报。", "vocalsound": "咳嗽声",
}  # fmt: skip
CHOICES = (("What is heard?", "sound", "Dog barking", ("Dog barking", "Cat meowing", "Car horn", "Rain")),
           ("Which key?", "music", "A major", ("A major", "C major", "G major", "D major")),
           ("How many speakers?", "speech", "Two", ("One", "Two")),
           ("Who spoke first, man or woman?", "speech", "woman, man", ("man, woman", "woman, man")))  # fmt: skip
CALLS = {
    "timbre": ("换成海绵宝宝的声音。", '<tool_call>function  \ntimbre_rag  \n{"query": "海绵宝宝的音色"}</tool_call>'),
    "get_date_time": ("现在几点了？", "<tool_call>function  \nget_date_time  \n{}</tool_call>"),
    "get_weather": ("帮我查查成都的天气。", '<tool_call>function\nget_weather\n{"location": "chengdu"}</tool_call>'),
    "web_search": ("帮我搜一下番茄工作法。",
                   '<tool_call>function\nweb_search\n{"query": "番茄工作法 指南"}</tool_call>'),
}  # fmt: skip
CALCULATE = '<tool_call>function\ncalculate\n{"expression": "3*4"}</tool_call>'
CLOSED = (("formal_fallacies", "invalid"), ("navigate", "Yes"), ("object_counting", "7"), ("web_of_lies", "No"))


@dataclass
class _Maker:
    root: Path
    known: list[dict[str, str]] = field(default_factory=list)

    def text(self, place: str, text: str) -> None:
        """A file of text."""
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def lines(self, place: str, rows: Sequence[Any]) -> None:
        """A file of JSON lines."""
        self.text(place, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))

    def sound(self, place: str, gold: str = "", seconds: float = 0.3) -> None:
        """A recording, and what it is to be answered by."""
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.recorded(place, gold, path.suffix[1:], seconds))

    def recorded(self, name: str, gold: str, kind: str, seconds: float = 0.3) -> bytes:
        """The bytes of a tone that is drawn from a name."""
        seed = int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
        time = np.arange(round(seconds * RATE)) / RATE
        hertz = np.random.default_rng(seed).uniform(150, 900, 3)
        wave = sum(0.1 * np.sin(2 * np.pi * one * time) for one in hertz) * np.minimum(1, 40 * time)
        made, form = io.BytesIO(), {"opus": ("OGG", "OPUS"), "mp3": ("MP3", None)}.get(kind, (kind.upper(), "PCM_16"))
        soundfile.write(made, np.asarray(wave, np.float32), RATE, format=form[0], subtype=form[1])
        if gold:
            self.known.append({"sha256": hashlib.sha256(made.getvalue()).hexdigest(), "gold": gold, "path": name})
        return made.getvalue()


def build(root: Path) -> Path:
    """Every data set below a folder; the oracle's file."""
    make = _Maker(root)
    for family in (_librispeech, _common_voice, _fleurs, _aishell, _kespeech, _wenetspeech, _manifest, _paralinguistic,
                   _mmau, _covost, _cvss, _toolcall, _uro, _seed_tts, _big_bench, _stepeval_360):  # fmt: skip
        family(make)
    oracle = root / "oracle.jsonl"
    oracle.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in make.known), encoding="utf-8")
    return oracle


def _librispeech(make: _Maker) -> None:
    for split, speaker in (("clean", "1089"), ("other", "1688")):
        folder = f"librispeech/LibriSpeech/test-{split}/{speaker}/134686"
        keys = [f"{speaker}-134686-{n:04d}" for n in range(len(ENGLISH))]
        for key, text in zip(keys, ENGLISH, strict=True):
            make.sound(f"{folder}/{key}.flac", text)
        told = (f"{key} {text}\n" for key, text in zip(keys, ENGLISH, strict=True))
        make.text(f"{folder}/{speaker}-134686.trans.txt", "".join(told))


def _common_voice(make: _Maker) -> None:
    columns = "client_id path sentence up_votes down_votes age gender accents variant locale segment".split()
    for locale, texts in (
        ("en", ("The fox can't jump.", "It's 20 dollars, sir!")),
        ("yue", ("佢哋今日唔喺度。", "聽日見啦！")),
    ):
        folder, rows = f"common_voice/cv-corpus-15.0-2023-09-08/{locale}", ["\t".join(columns)]
        for n, text in enumerate(texts):
            name = f"common_voice_{locale}_{1000 + n}.mp3"
            make.sound(f"{folder}/clips/{name}", text)
            rows.append("\t".join([f"c{n}", name, text, "2", "0", "", "", "", "", locale, ""]))
        make.text(f"{folder}/test.tsv", "\n".join(rows) + "\n")


def _fleurs(make: _Maker) -> None:
    for locale, text in FLEURS.items():
        folder, name = f"fleurs/data/{locale}", "9000000.wav"
        make.text(f"{folder}/test.tsv", "\t".join(["1", name, text, text.lower(), "", "4800", "FEMALE"]) + "\n")
        data = make.recorded(f"{folder}/{name}", text, "wav")
        packed = make.root / folder / "audio" / "test.tar.gz"
        packed.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(packed, "w:gz") as tar:
            member = tarfile.TarInfo(f"test/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


def _aishell(make: _Maker) -> None:
    keys = [f"BAC009S0764W{n:04d}" for n in range(121, 124)]
    make.text(
        "aishell1/data_aishell/transcript/aishell_transcript_v0.8.txt",
        "".join(f"{key} {text}\n" for key, text in zip([*keys, "BAC009S0002W0122"], [*CHINESE, "别的"], strict=True)),
    )
    second = [f"IT0055W{n:04d}" for n in range(3)]
    for key, other, text in zip(keys, second, PLAIN, strict=True):
        make.sound(f"aishell1/data_aishell/wav/test/S0764/{key}.wav", text)
        make.sound(f"aishell2/AISHELL-2/iOS/test/wav/T0055/{other}.wav", text)
    folder = "aishell2/AISHELL-2/iOS/test"
    make.text(f"{folder}/wav.scp", "".join(f"{key}\twav/T0055/{key}.wav\n" for key in second))
    make.text(f"{folder}/trans.txt", "".join(f"{key}\t{text}\n" for key, text in zip(second, PLAIN, strict=True)))


def _kespeech(make: _Maker) -> None:
    folder, rows = "kespeech/KeSpeech", list[tuple[str, str, str, str, str]]()
    told = (("今天天气很好", "Mandarin", 1), ("巴适得<SPOKEN_NOISE>很", "Southwestern", 1), (PLAIN[2], "Zhongyuan", 2))
    for n, (text, dialect, phase) in enumerate(told):
        speaker = str(1_000_001 + n)
        key = f"{speaker}_{n:08d}"
        place = f"Audio/{speaker}/phase{phase}/{key}.wav"
        make.sound(f"{folder}/{place}", text.replace("<SPOKEN_NOISE>", ""))
        rows.append((key, place, text, speaker, dialect))
    for column, name in enumerate(("wav.scp", "text", "utt2spk", "utt2subdialect"), 1):
        make.text(f"{folder}/Tasks/ASR/test/{name}", "".join(f"{row[0]} {row[column]}\n" for row in rows))


def _wenetspeech(make: _Maker) -> None:
    audios = []
    for subset in ("test_net", "test_meeting"):
        aid = f"{subset.upper()}_0001"
        make.sound(f"wenetspeech/WenetSpeech/audio/{subset}/{aid}.opus", seconds=2.0)
        segments = [{"sid": f"{aid}_S{n:05d}", "begin_time": 0.6 * n, "end_time": 0.6 * n + 0.5, "confidence": 1.0,
                     "subsets": [subset.upper()], "text": text} for n, text in enumerate(PLAIN)]  # fmt: skip
        audios.append({"aid": aid, "path": f"audio/{subset}/{aid}.opus", "segments": segments})
    make.text("wenetspeech/WenetSpeech/WenetSpeech.json", json.dumps({"audios": audios}, ensure_ascii=False))


def _manifest(make: _Maker) -> None:
    make.sound("manifest/long.wav", seconds=1.0)
    make.sound("manifest/short.wav", "巴适得很")
    make.lines("manifest/manifest.jsonl", [
        {"id": "m0", "audio": "short.wav", "text": "巴适得很", "lang": "zh", "group": "Sichuan"},
        {"id": "m1", "audio": "long.wav", "text": PLAIN[0], "lang": "zh", "start": 0.2, "end": 0.9, "group": "Anhui"},
    ])  # fmt: skip


def _paralinguistic(make: _Maker) -> None:
    for dimension, answer in TRAITS.items():
        folder, rows = f"stepeval_paralinguistic/Step-Audio_Paralinguistic/{dimension}", []
        for n in range(2):
            make.sound(f"{folder}/audio/fx{n}_input.wav", answer)
            rows.append(
                {"audio": f"audio/fx{n}_input.wav", "task": {"name": dimension, "label": "?", "answer": answer}}
            )
        make.text(f"{folder}/{dimension}.json", json.dumps(rows, ensure_ascii=False))


def _mmau(make: _Maker) -> None:
    rows = []
    for n, (question, task, answer, choices) in enumerate(CHOICES):
        name = f"00000000-0000-4000-8000-{n:012d}"
        make.sound(f"mmau/test-mini-audios/{name}.wav", answer)
        rows.append({"id": name, "audio_id": f"./test-mini-audios/{name}.wav", "question": question, "answer": answer,
                     "choices": choices, "task": task, "split": "test-mini", "difficulty": "easy"})  # fmt: skip
    make.text("mmau/mmau-test-mini.json", json.dumps(rows))


def _covost(make: _Maker) -> None:
    for first, second in (("en", "zh-CN"), ("zh-CN", "en")):
        rows = ["path\tsentence\ttranslation\tclient_id"]
        for n, pair in enumerate(PAIRS):
            said, due = pair if first == "en" else pair[::-1]
            make.sound(f"covost2/cv-corpus-4/{first}/clips/common_voice_{first}_{20 + n}.mp3", due)
            rows.append(f"common_voice_{first}_{20 + n}.mp3\t{said}\t{due}\tc{n}")
        make.text(f"covost2/covost_v2.{first}_{second}.test.tsv", "\n".join(rows) + "\n")


def _cvss(make: _Maker) -> None:
    names = [f"common_voice_zh-CN_{20 + n}.mp3" for n in range(len(PAIRS))]
    for name, (_, chinese) in zip(names, PAIRS, strict=True):
        make.sound(f"cvss/cvss_c_zh_en_v1.0/test/{name}.wav", chinese)
    plain = (english.lower().rstrip(".") for english, _ in PAIRS)
    rows = (f"{name}\t{text}\n" for name, text in zip(names, plain, strict=True))
    make.text("cvss/cvss_c_zh_en_v1.0/test.tsv", "".join(rows))


def _toolcall(make: _Maker) -> None:
    folder = "stepeval_toolcall/Step-Audio_Toolcall"

    def dialogue(file: str, row: int, turns: Sequence[tuple[str, str]]) -> list[Mapping[str, Any]]:
        told = list[Mapping[str, Any]]()
        for index, (who, text) in enumerate(turns):
            name, is_heard = f"wav/{file}-{row}-{index}.wav", who == "Human"
            if is_heard:
                make.sound(f"{folder}/{name}", text)
            value = {"type": "wav", "value": name} if is_heard else text
            told.append({"session_id": str(100 + row), "turn_idx": index, "from": who, "text": text, "value": value})
        return told

    for stem in TARGETS:
        asked, call = CALLS[stem]
        other = CALLS["get_weather" if stem == "web_search" else "web_search"]
        yes = [[("Human", "小跃，你好。"), ("Assistant", "你好呀。"), ("Human", asked), ("Assistant", call)],
               [("Human", asked), ("Assistant", call)]]  # fmt: skip
        if stem == "timbre":
            done = [("Input", "你的音色已经更新完成，请继续对话。"), ("Assistant", "我准备好了！")]
            yes.append([("Human", asked), ("Assistant", call), *done, ("Human", asked), ("Assistant", call)])
        no = [
            [("Human", "讲个笑话。"), ("Assistant", "为什么鱼怕考试？怕被烤。")],
            [("Human", other[0]), ("Assistant", other[1])],
            [("Human", "三乘四等于几？"), ("Assistant", CALCULATE)],
        ]
        for kind, rows in (("positive", yes), ("negative", no)):
            file = f"{stem}_{kind}.jsonl"
            make.lines(f"{folder}/{file}", [dialogue(file, n, turns) for n, turns in enumerate(rows)])


def _uro(make: _Maker) -> None:
    for track, axes in TRACKS.items():
        language, level = track.split(".")
        asked, right = (
            ("What is two plus three?", ["five", "5"]) if language == "en" else ("二加三等于几？", ["五", "等于五"])
        )
        for name, mode in (pair for sets in axes.values() for pair in sets.items()):
            folder, row = f"uro_bench/URO-Bench-data/{level}/{name}", dict[str, Any](id=0)
            if name.startswith(("MtBench", "SpeakerAware")):
                row["dialogue"] = [{"round": n, "source_wav": f"audio/0_{n}.wav", "source_text": f"turn {n}",
                                    "target_text": "ok"} for n in range(2)]  # fmt: skip
                for n in range(2):
                    make.sound(f"{folder}/audio/0_{n}.wav", "ok")
            else:
                has_right = mode != "repeat" and not name.startswith(("Alpaca", "Common", "Wild", "Claude"))
                row |= {
                    "source_wav": "audio/0.wav",
                    "source_text": asked,
                    **({"target_text": right} if has_right else {}),
                }
                make.sound(f"{folder}/audio/0.wav", right[0] if has_right else asked)
            make.lines(f"{folder}/test.jsonl", [row])


def _seed_tts(make: _Maker) -> None:
    texts = {
        "en": ("The primary coil has fifty turns.", "Don't stop now."),
        "zh": ("欢迎来到北京。", "请在三点钟之前回来，谢谢。"),
    }
    for language, (first, second) in texts.items():
        folder = f"seed_tts/seedtts_testset/{language}"
        for n in range(2):
            make.sound(f"{folder}/prompt-wavs/p{n}.wav", seconds=0.5)
        rows = [
            f"p0-u0|prompt text 0|prompt-wavs/p0.wav|{first}",
            f"p1-u1|prompt text 1|prompt-wavs/p1.wav|{second}|w.wav",
        ]
        make.text(f"{folder}/meta.lst", "\n".join(rows) + "\n")
    make.text("seed_tts/seedtts_testset/zh/hardcase.lst", f"h0|prompt text|prompt-wavs/p0.wav|{texts['zh'][1]}\n")


def _big_bench(make: _Maker) -> None:
    rows = []
    for n, (category, answer) in enumerate(CLOSED):
        make.sound(f"big_bench_audio/data/question_{n}.mp3", answer)
        rows.append({"category": category, "official_answer": answer, "file_name": f"data/question_{n}.mp3", "id": n})
    make.lines("big_bench_audio/metadata.jsonl", rows)


def _stepeval_360(make: _Maker) -> None:
    packed = make.root / "stepeval_360" / "audios.tar.gz"
    packed.parent.mkdir(parents=True, exist_ok=True)
    rows, (first, second) = [], PAIRS
    with tarfile.open(packed, "w:gz") as tar:
        for n, ability in enumerate(("language", "singing")):
            turns = [{"role": "user", "audio": f"audios/{n}/0.wav", "text": first[1]},
                     {"role": "assistant", "text": first[0]},
                     {"role": "user", "audio": f"audios/{n}/1.wav", "text": second[1]}]  # fmt: skip
            rows.append({"id": f"q{n}", "ability": ability, "conversation": json.dumps(turns, ensure_ascii=False)})
            for name in (f"audios/{n}/0.wav", f"audios/{n}/1.wav"):
                data = make.recorded(f"stepeval_360/{name}", second[0], "wav")
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    make.lines("stepeval_360/data/test.jsonl", rows)
