"""Records and tasks: prompts as the runtime writes them, the kind of every learned token, bad lines by file:line."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from antiphon.errors import AntiphonError, ConfigError
from antiphon.rates import num_rows
from antiphon.runtime.heard import words_of
from antiphon.text import chat
from antiphon.text.toolcall import ToolCall
from antiphon.text.variants import variant
from antiphon.train import tasks
from antiphon.train.examples import Builder, Example
from antiphon.train.records import (
    BadRecord,
    Given,
    Heard,
    Record,
    RecordFile,
    Said,
    Spoken,
    Thought,
    read_record,
    read_records,
    to_json,
    write_records,
)
from antiphon.train.show import legend, show
from antiphon.train.sounds import Sounds
from antiphon.train.tasks import NOTHING, SLOT, SPEECH, SPEECH_PAD, TEXT, TEXT_PAD, THINK, TOOL, make
from tests.train import corpus

HEARD = Heard(audio="heard/00000:1", said="paris")
WORDS = (("the", 0.0, 0.32), ("capital", 0.32, 0.56))
EARLY = (("the", 0.0, 0.01), ("capital", 0.01, 0.48))  # speech that runs ahead of its text
CALL = ToolCall("clock", '{"what":"time"}')


def spoken(text: str = "the capital", count: int = 10) -> Spoken:
    return Spoken(text=text, codes=tuple(range(count)), words=WORDS)


def one_of_each() -> list[Record]:
    said = Said(role="assistant", items=(CALL,))
    tool = make("tool", "tool", HEARD)
    tool = Record(
        id="tool",
        task="tool",
        messages=(*tool.messages, said, tasks.tool_result("12:00"), Said(role="assistant", items=("yes",))),
    )
    return [
        make("asr", "asr", HEARD, "paris"),
        make("tts", "tts", "the capital", spoken()),
        make("s2tt", "s2tt", HEARD, "paris", to="zh"),
        make("t2st", "t2st", "die stadt", spoken()),
        make("s2st", "s2st", HEARD, spoken()),
        make("continuation", "continuation", HEARD, "rain in rome"),
        make("interleave", "interleave", HEARD, spoken(), Heard(audio="target/00000:2"), spoken("is rome")),
        make("talk", "talk", HEARD, spoken(), HEARD, spoken("is rome")),
        make("answer", "answer", HEARD, "yes", HEARD, "no"),
        tool,
        make("caption", "caption", HEARD, "a tone"),
        make("think", "think", HEARD, (Thought("it is rome"), "rome")),
        make("text", "text", "will it rain in rome"),
        make("page", "page", (Given("the capital is"), " rome"), replace(spoken(), given="the", mute=True)),
    ]


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Sounds:
    folder = tmp_path_factory.mktemp("sounds")
    corpus.write_sounds(folder)
    return Sounds(folder)


@pytest.fixture(scope="module")
def builder(sounds: Sounds) -> Builder:
    return Builder(corpus.tokenizer(), variant("nano"), sounds, longest=400)


def learned(builder: Builder, example: Example, kind: int) -> list[int]:
    return [i for i, k in zip(example.ids, example.kinds, strict=True) if k == kind]


def test_every_task_has_an_example_that_survives_json(builder: Builder, tmp_path: Path) -> None:
    records = one_of_each()
    assert {r.task for r in records} == set(tasks.TASKS)
    path = tmp_path / "all.jsonl"
    assert write_records(path, records) == len(records)
    for record, read, line in zip(records, read_records(path), RecordFile(path), strict=True):
        assert to_json(read) == to_json(record) == to_json(line) and read.where.startswith(f"{path}:")
        assert builder.build(read, "0").ids == builder.build(record, "0").ids


@pytest.mark.parametrize("record", one_of_each(), ids=lambda r: r.task)
def test_a_model_is_asked_as_it_was_trained(record: Record, builder: Builder) -> None:
    """Up to the last reply, the ids are those that the runtime writes before it."""
    known, example = tasks.task(record.task), builder.build(record, "0", learns="last")
    if known.style == "base" or known.alone:
        return
    rows = num_rows(int(corpus.TONE_S * 16_000))
    layout, messages = builder.layout, []
    for said in record.messages[:-1]:
        items = [chat.AudioItem((rows,)) if isinstance(i, Heard) else i for i in said.items]
        items = [chat.Speech(i.text, i.codes) if isinstance(i, Spoken) else i for i in items]
        plain = items[0] if len(items) == 1 and isinstance(items[0], str) and said.role != "assistant" else items
        messages.append(chat.Message(said.role, plain))  # type: ignore[arg-type]
    asked = variant("nano").render(messages, "speech" if known.speaks else "text")
    prompt = chat.encode(asked, builder.tokenizer, layout).ids
    first = next(n for n, kind in enumerate(example.kinds) if kind)
    begins = 0 if record.task != "think" else len(builder._ids([chat.compose("<think>\n").parts]))
    assert example.ids[: first - begins] == prompt and len(prompt) == first - begins


def test_each_modality_is_learned_where_it_stands(builder: Builder) -> None:
    layout, encode = builder.layout, builder.tokenizer.encode
    example = builder.build(make("tts", "x", "the capital", spoken(count=14)), "0")
    assert learned(builder, example, SPEECH) == [layout.id_of(c) for c in range(14)]
    assert learned(builder, example, TEXT) == [*encode("the capital"), layout.tts_end, layout.eot]
    assert set(learned(builder, example, TEXT_PAD)) == {layout.tts_pad}
    assert learned(builder, example, SPEECH_PAD) == [layout.audio_pad] * 2
    (tool,) = (r for r in one_of_each() if r.task == "tool")
    example = builder.build(tool, "0")
    assert builder.tokenizer.decode(learned(builder, example, TOOL), controls=True).count("clock") == 1
    assert builder.tokenizer.decode(learned(builder, example, TEXT)) == "yes"
    (think,) = (r for r in one_of_each() if r.task == "think")
    example = builder.build(think, "0")
    assert builder.tokenizer.decode(learned(builder, example, THINK)) == "it is rome</think>"
    assert builder.tokenizer.decode(learned(builder, example, TEXT)) == "rome"


def test_which_side_is_learned(builder: Builder) -> None:
    talk = make("answer", "x", HEARD, "yes", HEARD, "no")
    both, last = builder.build(talk, "0"), builder.build(talk, "0", learns="last")
    assert builder.tokenizer.decode(learned(builder, both, TEXT)) == "yesno"
    assert builder.tokenizer.decode(learned(builder, last, TEXT)) == "no" and both.ids == last.ids
    text = builder.build(make("text", "x", "will it rain"), "0")
    assert NOTHING not in text.kinds and text.ids[-1] == builder.layout.pad
    said = Said(role="assistant", items=("yes",), learn=False)
    one = builder.build(Record(id="x", task="answer", messages=(*talk.messages[:2], said, *talk.messages[3:])), "0")
    assert one.ids == both.ids and one.kinds == last.kinds


def test_what_is_given_is_read_and_not_learned(builder: Builder) -> None:
    page = make("page", "x", (Given("the capital of rome is"), " yes", Given(" the capital is"), " no"), "in rome")
    example = builder.build(page, "0")
    assert builder.tokenizer.decode(learned(builder, example, TEXT)) == " yes noin rome"
    assert example.kinds.count(TEXT) == len(builder.tokenizer.encode(" yes")) + len(
        builder.tokenizer.encode(" no")
    ) + len(builder.tokenizer.encode("in rome")) + 2  # the ends of two replies
    with pytest.raises(BadRecord, match="the target is empty"):
        builder.build(make("page", "x", (Given("the capital"),)), "0")
    with pytest.raises(BadRecord, match="does not begin, token by token, with what is given, 'rome'"):
        builder.build(make("tts", "x", "the capital", replace(spoken(), given="rome")), "0")


def test_of_mute_speech_the_words_alone_are_learned(builder: Builder) -> None:
    plain = builder.build(make("tts", "x", "the capital", spoken(count=26)), "0")
    mute = builder.build(make("tts", "x", "the capital", replace(spoken(count=26), mute=True)), "0")
    words = builder.tokenizer.encode("the capital")
    assert learned(builder, mute, TEXT) == list(words) and set(mute.kinds) == {NOTHING, TEXT}
    assert mute.ids == plain.ids[: len(mute.ids)] and mute.kinds[-1] == TEXT  # nothing behind the last word
    assert len(mute.ids) < len(plain.ids) and not mute.guides and mute.copies == plain.copies
    given = builder.build(make("tts", "x", "the capital", replace(spoken(), given="the", mute=True)), "0")
    assert learned(builder, given, TEXT) == list(words[len(builder.tokenizer.encode("the")) :])
    talk = make("talk", "x", HEARD, replace(spoken(), mute=True), HEARD, spoken("is rome"))
    assert len(builder.build(talk, "0").sounds) == 2  # what stands before what is learned stays


def test_words_that_only_hearing_tells_are_of_their_own_kind(sounds: Sounds) -> None:
    plain, apart = (
        Builder(corpus.tokenizer(), variant("nano"), sounds, longest=400, slots=slots) for slots in (False, True)
    )
    for reply in ("the capital is rome", spoken("the capital is rome")):
        told = make("answer" if isinstance(reply, str) else "talk", "x", HEARD, "is rome", HEARD, reply, slots=["Rome"])
        one, other = plain.build(told, "0"), apart.build(told, "0")
        assert one.ids == other.ids and not learned(plain, one, SLOT)
        assert apart.tokenizer.decode(learned(apart, other, SLOT)).strip() == "rome"  # of the last reply alone
        both = [n for n, kind in enumerate(other.kinds) if kind in (TEXT, SLOT)]
        assert both == [n for n, kind in enumerate(one.kinds) if kind == TEXT]


def test_an_earlier_reply_that_was_cut_short_is_read_as_it_was_heard_and_not_learned(sounds: Sounds) -> None:
    builder = Builder(corpus.tokenizer(), variant("nano"), sounds, longest=400, cut=1.0)
    talk = make("talk", "x", HEARD, spoken("the capital of rome", count=14), HEARD, spoken("is rome"))
    example, layout, heard = builder.build(talk, "0"), builder.layout, set[str]()
    assert builder.tokenizer.decode(learned(builder, example, TEXT)) == "is rome"
    for seed in range(40):
        ids = builder.build(talk, str(seed)).ids
        first = ids.index(layout.tts_start) + 1
        kept = ids[first : ids.index(layout.tts_end)]
        heard.add(words_of(kept, builder.tokenizer, layout))
        codes = [i for i in kept if layout.is_speech(i)]
        assert codes == [layout.id_of(c) for c in range(len(codes))] and 1 <= len(codes) <= 13 and len(kept) % 5 == 0
        assert ids[first + len(kept) : first + len(kept) + 2] == [layout.tts_end, layout.eot]
    assert len(heard) > 2 and all("the capital of rome".startswith(words) for words in heard)
    alone = builder.build(make("talk", "x", HEARD, spoken("is rome")), "0")
    assert builder.tokenizer.decode(learned(builder, alone, TEXT)) == "is rome"


def test_an_echo_is_a_word_that_was_heard(builder: Builder) -> None:
    said = Heard(audio="heard/00000:1", said="rain in paris")
    for task, reply in (("asr", "rain in paris"), ("answer", "in paris")):
        example = builder.build(make(task, "x", said, reply), "0")
        tokens = builder.tokenizer.encode("rain in paris")
        found = {example.ids[e.position + 1]: tokens[e.spelt.token] for e in example.echoes}
        names = [[builder.tokenizer.decode([t]).strip() for t in pair] for pair in found.items()]
        assert names and all(a == b for a, b in names) and not example.copies
    assert not builder.build(make("answer", "x", said, "yes no"), "0").echoes


def schema(name: str, key: str) -> str:
    function = {"name": name, "parameters": {"properties": {key: {"type": "string"}}}}
    return json.dumps({"type": "function", "function": function})


def test_a_call_is_looked_up_where_its_tool_is_described(builder: Builder) -> None:
    """Each part of a call: the name and its key in the definition of that tool, the value where it was asked."""
    tokenizer, offered = builder.tokenizer, f"[{schema('paris_rain', 'city')}, {schema('the_capital', 'city')}]"
    said = Said(role="assistant", items=(ToolCall("the_capital", '{"city":"rome","loud":true}'),))
    asked = make("tool", "x", Heard(audio="heard/00000:1", said="rome rain"), schemas=offered)
    example = builder.build(replace(asked, messages=(*asked.messages, said)), "0")
    pairs = [(position + 1, place) for position, (place,) in example.copies]
    assert tokenizer.decode([example.ids[p] for p, _ in pairs]) == "the_capitalcity"
    assert [example.ids[p] for p, _ in pairs] == [example.ids[place] for _, place in pairs]
    between = tokenizer.decode(example.ids[pairs[0][1] : pairs[-1][1]])
    assert between.startswith("the_capital") and "paris" not in between  # of its own definition, not of the other's
    assert tokenizer.decode([example.ids[e.position + 1] for e in example.echoes]) == "rome"
    assert [e.spelt.token for e in example.echoes] == list(range(len(example.echoes)))
    unknown = Said(role="assistant", items=(ToolCall("rain", '{"what":"paris"}'),))
    example = builder.build(replace(asked, messages=(*asked.messages, unknown)), "0")
    assert not example.copies and not example.echoes  # what stands nowhere is looked up nowhere


def test_a_reply_looks_at_the_stretch_that_it_tells_of(builder: Builder) -> None:
    asked = replace(HEARD, about=(1280, 3840))
    for reply in ("the capital", spoken()):
        example = builder.build(make("talk" if isinstance(reply, Spoken) else "answer", "x", asked, reply), "0")
        words = {example.ids[position + 1] for position, _ in example.abouts}
        start = example.sounds[0].start
        assert words == set(builder.tokenizer.encode("the capital"))
        assert {places for _, places in example.abouts} == {(start + 1, start + 2)}
    assert not builder.build(make("answer", "x", HEARD, "the capital"), "0").abouts
    later = builder.build(make("answer", "x", asked, "rome", HEARD, "the capital"), "0")
    assert later.abouts and max(p for p, _ in later.abouts) < later.sounds[1].start  # of the second nobody has told


def test_pseudo_sound_takes_the_place_of_sound(builder: Builder) -> None:
    record = make("asr", "x", Heard(audio="heard/00000:1", said="rain in paris"), "rain in paris")
    real, pseudo = builder.build(record, "0"), builder.build(record, "0", pseudo=True)
    again, other = builder.build(record, "0", pseudo=True), builder.build(record, "1", pseudo=True)
    assert not real.sounds[0].path and pseudo.sounds[0].path == again.sounds[0].path != other.sounds[0].path
    (sound,) = pseudo.sounds
    assert pseudo.ids[sound.start : sound.start + sound.rows] == [builder.layout.audio_patch] * sound.rows
    for position, places in pseudo.copies:  # the head that writes a word looks at where it was read
        assert {sound.path[p - sound.start] for p in places} <= {pseudo.ids[position + 1], *builder.misread} | {
            builder.tokenizer.encode(" rain")[0], builder.tokenizer.encode("rain")[0]
        }  # fmt: skip
    assert pseudo.copies and not real.copies


def test_the_guide_points_at_the_word_that_is_being_spoken(builder: Builder) -> None:
    example = builder.build(make("tts", "x", "the capital", spoken(count=14)), "0")
    found = Counter[str]()
    late = builder.build(make("tts", "x", "the capital", Spoken(text="the capital", codes=(1,) * 12, words=EARLY)), "0")
    for position, places in [*example.guides, *late.guides]:
        assert max(places) <= position  # nobody can look at what is not written yet
    for position, places in example.guides:
        code = builder.layout.code_of(example.ids[position + 1])
        word = "the" if (code + 0.5) / 25 < 0.32 else "capital"
        assert builder.tokenizer.decode([example.ids[p] for p in places]).strip() == word
        found[word] += 1
    assert found == {"the": 4, "capital": 6}  # from where each is written to the last code
    read = {builder.tokenizer.decode([example.ids[p] for p in at]): example.ids[n + 1] for n, at in example.copies}
    assert set(read.values()) == set(builder.tokenizer.encode("the capital"))


def test_long_sound_is_cut_and_short_context_is_kept(sounds: Sounds) -> None:
    builder = Builder(corpus.tokenizer(), variant("nano"), sounds, longest=400, piece_s=(0.1, 0.2))
    example = builder.build(make("asr", "x", HEARD, "paris"), "0")
    assert len(example.sounds) > 1 and not any(s.said for s in example.sounds)
    assert all(num_rows(s.end - s.begin) == s.rows for s in example.sounds)
    assert sounds.samples(Heard(audio="target/00000:0")) == int(corpus.TONE_S * 16_000)


BAD = {
    "over-long": ('{"audio": "heard/00000:1"}', '"%s"' % ("rome " * 500), "takes 5.. positions of 400"),
    "empty target": ('{"audio": "heard/00000:1"}', '" "', "the target is empty"),
    "no codes": ('{"audio": "heard/00000:1"}', '[{"speech": "rome", "codes": []}]', "the target is empty"),
    "missing row": ('{"audio": "heard/00000:99"}', '"rome"', "heard/00000:99 is missing"),
    "missing shard": ('{"audio": "heard/00009:0"}', '"rome"', "00009"),
    "outside": ('{"audio": "heard/00000:1", "span": [0, 99999]}', '"rome"', "reaches outside"),
    "too short": ('{"audio": "heard/00000:1", "span": [0, 9]}', '"rome"', "too few for a row"),
    "count": ('{"audio": "heard/00000:1", "rows": 3}', '"rome"', "counts 3 rows of sound and .* takes 6"),
    "code": ('{"audio": "heard/00000:1"}', '[{"speech": "rome", "codes": [27]}]', "Speech code 27 is out of range"),
    "unheard": ('"rome"', '"rome"', "hears and the record holds no audio"),
    "key": ('{"audio": "heard/00000:1", "spam": 1}', '"rome"', "spam"),
    "tool": ('{"audio": "heard/00000:1"}', '[{"call": "clock", "arguments": "now"}]', "no JSON object"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_record_is_one_sentence_with_file_and_line(name: str, builder: Builder, tmp_path: Path) -> None:
    heard, reply, why = BAD[name]
    path = tmp_path / "bad.jsonl"
    good = json.dumps(to_json(make("asr", "good", HEARD, "paris")))
    messages = f'[{{"role": "human", "content": [{heard}]}}, {{"role": "assistant", "content": {reply}}}]'
    path.write_text(f'{good}\n\n{{"id": "b", "task": "asr", "messages": {messages}}}\n')
    with pytest.raises(BadRecord, match=rf"^{path}:3: .*{why}") as error:
        for record in read_records(path):
            builder.build(record, "0")
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


def test_broken_lines_and_unknown_tasks() -> None:
    for line, why in (("{", "is no JSON"), ("[]", "see antiphon"), ('{"id": "x"}', "'messages' is missing")):
        with pytest.raises(BadRecord, match=f"^f:7: .*{why}"):
            read_record(line, "f:7")
    with pytest.raises(ConfigError, match="there is no task 'sing'"):
        make("sing", "x", "a", "b")
    with pytest.raises(ConfigError, match="spech"):
        tasks.check_weights({"spech": 1.0})
    with pytest.raises(AntiphonError, match="no records at"):
        RecordFile(Path("nowhere.jsonl"))


def test_the_mask_can_be_looked_at(builder: Builder) -> None:
    example = builder.build(make("tts", "x", "the capital", spoken()), "0")
    shown = show(example, builder.tokenizer, colour=False)
    assert "[text: capital]" in shown and "[speech: 0 1 2 3]" in shown and "[speech_pad: 2]" in shown
    assert "the capital<|EOT|>" in shown.split("[text")[0]
    assert "\x1b[" in show(example, builder.tokenizer) and all(name in legend() for name in tasks.MODALITIES)
