from datetime import date

import pytest

from antiphon.errors import ConfigError, InputError
from antiphon.text.chat import AudioItem, Message, Piece, encode, render_chat
from antiphon.text.layout import OFFICIAL
from antiphon.text.prompts import PROMPTS, persona, task_prompt
from antiphon.text.tokenizer import Tokenizer
from antiphon.text.variants import VARIANTS, variant

from .test_chat import shown

HEARD = "<audio_start><audio_patch>*2<audio_end>"
SYSTEM = "<|BOT|>system\n请记录下你所听到的语音内容。<|EOT|>"
CHAT = [SYSTEM, "<|BOT|>human\n", HEARD, "<|EOT|>"]
TEXT_PROMPTS = {
    "mini": [*CHAT, "<|BOT|>assistant\n"],
    "32b": [*CHAT, "<|BOT|>assistant\n"],
    "nano": [*CHAT, "<|BOT|>assistant\n"],
    "mini-think": [*CHAT, "<|BOT|>assistant\n\n<think>\n"],
    "nano-think": [*CHAT, "<|BOT|>assistant\n<think>\n"],
    "r1": [*CHAT, "<|BOT|>assistant\n<think>\n"],
    "mini-base": ["请记录下你所听到的语音内容。", HEARD],
}
SPEECH_ENDS = {
    "mini": "<|BOT|>assistant\n<tts_start>",
    "32b": "<|BOT|>assistant\n<tts_start>",
    "nano": "<|BOT|>assistant\n<tts_start>",
    "mini-think": "<|BOT|>assistant\n\n<think>\n",
    "nano-think": "<|BOT|>assistant\n<think>\n",
    "mini-base": "<tts_start>",
}
STOPS = {"mini-base": {151643, 151665}}


def strings(pieces: list[Piece]) -> list[str]:
    return [shown(piece) for piece in pieces]


@pytest.mark.parametrize("name", VARIANTS)
def test_prompt_of_every_variant(name: str, official: Tokenizer) -> None:
    v, audio = variant(name), AudioItem((2,), "k")
    assert strings(v.render_task(task_prompt("transcribe"), [audio])) == TEXT_PROMPTS[name]
    assert v.stop_ids(official) == STOPS.get(name, {151665, 151643})
    if not v.speaks:
        with pytest.raises(InputError, match="text only"):
            v.opening("speech")
        return
    pieces = v.render_task(task_prompt("interpret_zh"), [audio])
    assert strings(pieces)[-1] == SPEECH_ENDS[name]
    assert encode(pieces, official, OFFICIAL).is_spoken != v.thinks


def test_a_thinking_model_answers_after_its_thought(official: Tokenizer) -> None:
    v = variant("mini-think")
    messages = [Message("human", "q"), v.answer("so <audio_start>\n", "speech")]
    pieces = render_chat(messages)
    assert strings(pieces)[-1] == "<|BOT|>assistant\n\n<think>\nso <audio_start>\n</think>\n\n<tts_start>"
    prompt = encode(pieces, official, OFFICIAL)
    assert prompt.is_spoken and OFFICIAL.audio_start not in prompt.ids
    assert strings(render_chat([variant("r1").answer("x")])) == ["<|BOT|>assistant\n<think>\nx</think>\n\n"]


def test_base_conversations_have_no_markup() -> None:
    messages = [Message("human", [AudioItem((2,), "a")]), Message("assistant", "yes"), Message("human", "why")]
    assert strings(variant("mini-base").render(messages)) == [HEARD, "yes", "why"]
    spoken = variant("mini-base").render_task(task_prompt("speak"), ["TEXT"])
    assert strings(spoken) == ["以自然的语速读出下面的文字。\n", "TEXT", "<tts_start>"]


def test_tasks_and_variants_are_named_when_one_is_unknown() -> None:
    with pytest.raises(InputError, match="transcribe"):
        task_prompt("sing")
    with pytest.raises(ConfigError, match="mini-think"):
        variant("maxi")


@pytest.mark.parametrize("name", PROMPTS)
def test_every_task_is_sound(name: str, official: Tokenizer) -> None:
    task = PROMPTS[name]
    assert task.system and task.max_tokens > 0 and 0 <= task.temperature <= 1 and 0 < task.top_p <= 1
    for v in VARIANTS.values():
        if task.reply == "text" or v.speaks:
            pieces = v.render_task(task, [AudioItem((1,))])
            assert encode(pieces, official, OFFICIAL).is_spoken == (task.reply == "speech" and not v.thinks)
            system, base = f"<|BOT|>system\n{task.system}<|EOT|>", task.base_text or HEARD.replace("2", "1")
            assert strings(pieces)[0] == (base if v.style == "base" else system)


def test_persona_tells_the_day() -> None:
    text = persona(date(2025, 8, 28), with_tools=True)
    assert text.split("\n")[3] == "今天是2025年8月28日，星期四" and "调用工具" in text
    assert persona(date(2025, 8, 29)).endswith("今天是2025年8月29日，星期五\n请用默认女声与用户交流。")
