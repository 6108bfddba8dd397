"""Requests to an OpenAI-compatible endpoint, by the standard library alone."""

import json
import os
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from typing import Any

from antiphon.errors import ConfigError, ProtocolError

__all__ = ["Endpoint", "endpoint"]


@dataclass(frozen=True)
class Endpoint:
    """A base URL that ends in /v1 or the like, a model's name, and seconds to wait."""

    url: str
    model: str
    timeout_s: float = 120.0

    @property
    def name(self) -> str:
        return f"{self.model}@{self.url}"

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Send JSON, get JSON.

        Raises:
            ProtocolError: it refused, broke off, took too long, or sent no JSON.
        """
        return self._send(path, json.dumps(body).encode(), "application/json")

    def post_form(self, path: str, fields: dict[str, str], file: bytes) -> dict[str, Any]:
        """Send a form with one recording."""
        mark = uuid.uuid4().hex
        parts = [f'--{mark}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        data = "".join(parts).encode() + head.encode() + file + f"\r\n--{mark}--\r\n".encode()
        return self._send(path, data, f"multipart/form-data; boundary={mark}")

    def _send(self, path: str, data: bytes, kind: str) -> dict[str, Any]:
        headers = {"Content-Type": kind}
        if key := os.environ.get("OPENAI_API_KEY") or os.environ.get("ANTIPHON_API_KEY"):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(f"{self.url.rstrip('/')}/{path}", data, headers)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s) as reply:
                found = json.loads(reply.read())
        except urllib.error.HTTPError as error:
            told = error.read()[:200].decode(errors="replace")
            raise ProtocolError(f"{self.url} answered {error.code}: {told}") from error
        except (OSError, ValueError) as error:  # refused, timed out, broken off; or no JSON
            raise ProtocolError(f"{self.url} gave no answer ({error}); is it up?") from error
        if not isinstance(found, dict):
            raise ProtocolError(f"{self.url} sent {type(found).__name__}, expected an object.")
        return found


def endpoint(spec: str, timeout_s: float = 120.0) -> Endpoint:
    """The endpoint of `openai:URL#MODEL`.

    Raises:
        ConfigError: it is written otherwise.
    """
    kind, _, rest = spec.partition(":")
    url, _, model = rest.partition("#")
    if kind != "openai" or not url.startswith(("http://", "https://")):
        raise ConfigError(f"found {spec!r}; expected openai:URL#MODEL, such as openai:http://127.0.0.1:8000/v1#nano.")
    return Endpoint(url, model or "default", timeout_s)
