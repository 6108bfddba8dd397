"""Everybody whom a scorer may ask, each with a memory: ears, a judge, and nets that know voices.

What somebody was asked and said lies in the cache under their name and the hash of what they heard, so it is asked
once, whatever run, shard or repetition comes by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from antiphon.audio.wave import Audio
from antiphon.errors import InputError
from antiphon.eval.benchmark import Answer, Question, Verdict
from antiphon.eval.cache import Cache
from antiphon.eval.ears import Ears
from antiphon.eval.folder import Folder
from antiphon.eval.items import Sound, digest
from antiphon.eval.judges import Judge
from antiphon.eval.sounds import audio_of
from antiphon.eval.speakers import Speaker
from antiphon.metrics.speaker import cosine

__all__ = ["Panel"]


class Panel:
    """Whom a run's scorers ask."""

    def __init__(
        self, folder: Folder, ears: Ears, judge: Judge, cache: Cache, speakers: Sequence[Speaker] = ()
    ) -> None:
        self.folder, self._ears, self._judge, self._cache, self._speakers = folder, ears, judge, cache, speakers
        self.ears_name, self.judge_name, self.judge_hears = ears.name, judge.name, judge.hears
        self.speaker_names: Mapping[str, str] = {speaker.metric: speaker.name for speaker in speakers}

    def heard(self, answer: Answer, turn: int, language: str) -> str:
        """What was said aloud, or written where there are no ears or no sound. Raises what the ears raise."""
        path = self.folder.sound(answer, turn)
        if self.ears_name == "text":
            return answer.texts[turn] if answer.texts else ""
        if path is None:
            return ""
        key = digest([self.ears_name, path.name, language])
        kept = self._cache.get("heard", key)
        if kept is None:
            kept = {"text": self._ears.listen(path.read_bytes(), language)}
            self._cache.put("heard", key, kept)
        return str(kept["text"])

    def judged(self, question: Question, times: int = 1) -> list[Verdict]:
        """What the judge says; a failure is not kept in the cache. Raises InputError where the recording is gone."""
        sound = self._recording(question) if question.recording and self.judge_hears else None
        found = list[Verdict]()
        for turn in range(times):
            asked = [question.template, question.system, question.user, dict(question.facts)]
            key = digest([self.judge_name, asked, *([question.recording] if sound else []), turn])
            kept = self._cache.get("judged", key)
            verdict = Verdict(**kept) if kept else self._judge.ask(question, turn, sound)
            if kept is None and verdict.state != "error":
                self._cache.put("judged", key, asdict(verdict))
            found.append(verdict)
        return found

    def alike(self, answer: Answer, turn: int, prompt: Sound) -> Mapping[str, float | None]:
        """By each net, by its metric, the cosine of what was said and a prompt; None where nobody is heard."""
        path = self.folder.sound(answer, turn)
        return {speaker.metric: self._cosine(speaker, path, prompt) for speaker in self._speakers}

    def _cosine(self, speaker: Speaker, path: Path | None, prompt: Sound) -> float | None:
        if path is None:
            return None
        key = digest([speaker.name, path.name, prompt.heard])
        kept = self._cache.get("alike", key)
        if kept is None:
            try:
                said, clip = (speaker.vector(one).astype(np.float64) for one in (Audio.read(path), audio_of(prompt)))
                kept = {"cosine": cosine(said, clip)}
            except InputError:  # too short or too silent to have a voice
                kept = {"cosine": None}
            self._cache.put("alike", key, kept)
        value = kept["cosine"]
        return None if value is None else float(value)

    def _recording(self, question: Question) -> bytes:
        path = self.folder.path / "audio" / question.recording
        try:
            return path.read_bytes()
        except OSError as error:
            raise InputError(f"{path} cannot be read; the run's recordings must lie where it put them.") from error
