"""Who writes down what a model has said aloud. The name stands in the signature, since ears move a score.

    text                 nobody: the model's own written channel is taken, sound or not
    oracle               what the oracle wrote into its samples
    openai:URL#MODEL     a server's transcriptions
    anything else        a model of ours, by its own ears
"""

import io
from typing import Protocol, runtime_checkable

from antiphon.errors import ProtocolError
from antiphon.eval.wire import Endpoint, endpoint

__all__ = ["Ears", "open_ears"]


@runtime_checkable
class Ears(Protocol):
    """Somebody who listens to a WAV file's bytes."""

    name: str

    def listen(self, data: bytes, language: str) -> str: ...


class Written:
    """No ears."""

    name = "text"

    def listen(self, data: bytes, language: str) -> str:
        raise AssertionError("the written channel is not listened to")


class OracleEars:
    """Reads what the oracle wrote."""

    name = "oracle"

    def listen(self, data: bytes, language: str) -> str:
        from antiphon.eval.oracle import oracle_ears

        return oracle_ears(data)


class RemoteEars:
    """A server's transcriptions."""

    def __init__(self, at: Endpoint) -> None:
        self.at, self.name = at, at.name

    def listen(self, data: bytes, language: str) -> str:
        fields = {"model": self.at.model, "response_format": "json", "temperature": "0"}
        found = self.at.post_form("audio/transcriptions", fields, data)
        if not isinstance(found.get("text"), str):
            raise ProtocolError(f"{self.name} sent no transcript: {str(found)[:120]}")
        return str(found["text"])


class OwnEars:
    """A model of ours."""

    def __init__(self, name: str) -> None:
        from antiphon.eval.own import fingerprint
        from antiphon.runtime.model import load
        from antiphon.weights.find import find

        self.name = f"{name}#{fingerprint(find(name).folder)[:8]}"
        self.model = load(name)

    def listen(self, data: bytes, language: str) -> str:
        from antiphon.audio.wave import Audio

        return self.model.transcribe(Audio.read(io.BytesIO(data)))


def open_ears(spec: str) -> Ears:
    """The ears of a name. Raises ConfigError or WeightsError where there are none."""
    simple: dict[str, Ears] = {"text": Written(), "oracle": OracleEars()}
    if spec in simple:
        return simple[spec]
    return RemoteEars(endpoint(spec)) if spec.startswith("openai:") else OwnEars(spec)
