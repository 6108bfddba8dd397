"""Answer a recorded question aloud:  python examples/talk.py question.wav answer.wav"""

import sys

import antiphon
from antiphon.audio.wave import open_writer

question, answer = sys.argv[1:3]
session = antiphon.load("nano").session()
with open_writer(answer, rate=session.rate_out) as out:
    for event in session.reply(antiphon.Audio.read(question)):
        if isinstance(event, antiphon.AudioOut):
            out.write(event.samples)
        elif isinstance(event, antiphon.Text):
            print(event.text, end="", flush=True)
print()
