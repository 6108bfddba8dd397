"""The calls of the released quick start, on antiphon's interface.

    python examples/migrate.py [MODEL] [RECORDING]        nano and its own question by default

| released client                                          | here                                              |
|----------------------------------------------------------|---------------------------------------------------|
| `StepAudio2(folder)` and `Token2wav(folder)`             | `load(name, folder or hub id)`                    |
| a list of messages, the last one `assistant` with `None` | `session(system=...)`, then `reply(what is said)` |
| the prefix `<tts_start>` in the last message             | `reply(..., speech=True)`                         |
| `model(messages, temperature=...)`                       | `session(sampling=Sampling(temperature=...))`     |
| `token2wav(audio, prompt_wav=...)`                       | `session(voice="clip.wav")`, then `AudioOut`      |
| appending tokens and text to the messages                | nothing: a session remembers                      |
| `tool_json_schemas`, role `input`                        | `session(tools=[Tool(...)])`                      |
"""

import sys
from collections.abc import Iterable

import torch

import antiphon
from antiphon import Audio, AudioOut, End, Event, InputError, Message, Tool, ToolCall, ToolResult
from antiphon.runtime.sample import Sampling
from antiphon.tools.tool import CLOCK
from antiphon.weights.find import PRESETS

LIMIT = 200  # tokens of a reply


def show(what: str, events: Iterable[Event]) -> Audio:
    """Print a reply, give back its sound."""
    parts, text = [torch.zeros(0)], ""
    for event in events:
        if isinstance(event, AudioOut):
            parts.append(event.samples)
        elif isinstance(event, ToolCall | ToolResult):
            print(f"{what:<14} {event}")
        elif isinstance(event, End):
            text = event.text
    sound = Audio(torch.cat(parts)[None], 24_000)
    print(f"{what:<14} {text!r}, {sound.duration_s:.2f} s of speech")
    return sound


def main(name: str = "nano", recording: str = str(PRESETS / "nano" / "question.wav")) -> None:
    """Every task of the quick start, one after another."""
    torch.set_num_threads(1 if name == "nano" else torch.get_num_threads())
    model, question = antiphon.load(name), Audio.read(recording)

    # Speech recognition: the instruction of the task is known to the package.
    print(f"{'recognition':<14} {model.transcribe(question)!r}")

    # Text to speech: sound comes while the codes do.
    spoken = show("reading", model.speak("what time is it?", max_tokens=LIMIT))

    # Text chat, and sampling as the quick start has it. A seed makes it repeatable.
    warm = Sampling(temperature=0.7, top_p=0.9, repetition_penalty=1.05, seed=1)
    chat = model.session(sampling=warm, tools=())
    show("text chat", chat.reply("hello.", speech=False, max_tokens=LIMIT))

    # A spoken question, answered in text, then aloud, in one conversation: its history is kept.
    talk = model.session(tools=())
    show("to text", talk.reply(question, speech=False, max_tokens=LIMIT))
    show("to speech", talk.reply(question, max_tokens=LIMIT))

    # Text and sound in one turn, behind a history of our own.
    mixed = model.session(tools=())
    mixed.messages += [Message("human", "hello."), Message("assistant", "hello, how can i help you?")]
    show("text and sound", mixed.reply(["hello.", question], max_tokens=LIMIT))

    # A tool is a definition and a function; nano knows one, date and time, and is offered it by default.
    clock = Tool(CLOCK.function, lambda asked: "Friday 20 November 2026 14:35", "read")
    show("tool", model.session(tools=[clock]).reply(spoken, max_tokens=LIMIT))

    # Translation to speech, which nano has not learnt: it says so in a sentence.
    try:
        show("translation", model.interpret(question, to="en"))
    except InputError as error:
        print(f"{'translation':<14} {error}")


if __name__ == "__main__":
    main(*sys.argv[1:3])
