"""Content credentials in a file that a model has spoken: a signed statement inside it, by C2PA (extra `c2pa`).

    answer.wav = sound, and a manifest { made by a trained model, which one, with which mark; hash of the sound }
                 signed with the user's own key, whose certificate is in it

It says who signed and that nothing was changed since. Whether the signer is to be believed, only lists of trusted
certificates tell, and none is asked here; nothing is fetched, so there is no proof of the time either. WAV, FLAC and
MP3 can carry it; Ogg, bare samples, pipes and sockets cannot. Any conversion to another file takes it out, and it holds
random names, so the same seed gives the same sound but not the same bytes.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from antiphon.errors import ConfigError, InputError
from antiphon.marking.note import SOURCE, own_version
from antiphon.marking.policy import Marking

ENDINGS = (".wav", ".flac", ".mp3")
MARK_LABEL = "org.antiphon.mark"
LARGEST = 1 << 20  # bytes of a certificate or a key
OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}


@dataclass(frozen=True)
class Credentials:
    """A certificate, those that vouch for it behind it, and its key."""

    algorithm: str  # C2PA's name of it
    chain: bytes = field(repr=False)
    key: bytes = field(repr=False)


@dataclass(frozen=True)
class Statement:
    """What the credentials of a file say. `state`: Valid (unchanged), Trusted, or Invalid (changed since)."""

    state: str
    signer: str  # as its certificate calls itself
    generator: str
    model: str
    is_synthetic: bool


def read_credentials(certificate: Path, key: Path) -> Credentials:
    """A chain of certificates, the signer's first, and its key, both in PEM.

    Raises ConfigError where C2PA is not installed, for files that are none, a key with a password, of a kind that C2PA
    does not sign with, or of another certificate.
    """
    _library()
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    chain, secret = _content(certificate), _content(key)
    try:
        first = x509.load_pem_x509_certificates(chain)[0].public_key()
        private: Any = load_pem_private_key(secret, password=None)
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{certificate} and {key} are no certificate and open key in PEM ({error}).") from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != first.public_bytes(*form):
        raise ConfigError(f"the key {key} is not that of the certificate {certificate}; give two that belong together.")
    return Credentials(_algorithm(private), chain, secret)


def check_ending(path: Path) -> None:
    """Raises InputError for a file that cannot carry credentials."""
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"{path} cannot carry credentials; write to a file that ends in {', '.join(ENDINGS)}.")


def sign(path: Path, credentials: Credentials, model: str, marking: Marking) -> None:
    """Put credentials into a file that `model` has spoken. Raises InputError where that fails; the file stays then."""
    c2pa = _library()
    check_ending(path)
    part, manifest = path.with_name(f"{path.stem}.part{path.suffix}"), json.dumps(_manifest(path, model, marking))
    try:
        told = c2pa.C2paSignerInfo(credentials.algorithm, credentials.chain, credentials.key, None)
        with c2pa.Signer.from_info(told) as signer, c2pa.Builder(manifest) as builder:
            builder.sign_file(path, part, signer)
        part.replace(path)
    except (c2pa.C2paError, OSError) as error:
        part.unlink(missing_ok=True)
        raise InputError(f"{path} cannot be given credentials ({error}); check certificate and key.") from error


def read_statement(path: Path) -> Statement | None:
    """What the credentials of a file say; None where it has none, or they are none that can be read."""
    c2pa = _library()
    if path.suffix.lower() not in ENDINGS or not path.is_file():
        return None
    try:
        with c2pa.Context.from_dict(OFFLINE) as context, c2pa.Reader(path, context=context) as reader:
            held, state = json.loads(reader.json()), str(reader.get_validation_state())
    except (c2pa.C2paError, ValueError):
        return None
    return _statement(held["manifests"][held["active_manifest"]], state)


def _statement(manifest: Mapping[str, Any], state: str) -> Statement:
    actions = [
        action
        for assertion in manifest.get("assertions", ())
        if str(assertion.get("label", "")).startswith("c2pa.actions")
        for action in assertion.get("data", {}).get("actions", ())
        if action.get("action") == "c2pa.created"
    ]
    made: Mapping[str, Any] = actions[0] if actions else {}
    agent = made.get("softwareAgent")
    generator: Mapping[str, Any] = next(iter(manifest.get("claim_generator_info") or ()), {})
    return Statement(
        state=state,
        signer=str(manifest.get("signature_info", {}).get("common_name", "")),
        generator=f"{generator.get('name', '')} {generator.get('version', '')}".strip(),
        model=str(agent.get("name", "")) if isinstance(agent, dict) else str(agent or ""),
        is_synthetic=made.get("digitalSourceType") == SOURCE,
    )


def _manifest(path: Path, model: str, marking: Marking) -> dict[str, object]:
    made = {"action": "c2pa.created", "digitalSourceType": SOURCE, "softwareAgent": {"name": model}}
    assertions: list[dict[str, object]] = [{"label": "c2pa.actions.v2", "data": {"actions": [made]}}]
    if marking.key is not None:
        assertions.append({"label": MARK_LABEL, "data": {"kind": "antiphon mark 1", "key": marking.key.id}})
    generator = {"name": "antiphon", "version": own_version()}
    return {"claim_generator_info": [generator], "title": path.name, "assertions": assertions}


def _algorithm(private: object) -> str:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    if isinstance(private, Ed25519PrivateKey):
        return "ed25519"
    if isinstance(private, RSAPrivateKey) and private.key_size >= 2048:
        return "ps256"
    if isinstance(private, EllipticCurvePrivateKey):
        found = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}.get(private.curve.name)
        if found:
            return found
    raise ConfigError("C2PA does not sign with such a key; give one of P-256, P-384, P-521, Ed25519, or RSA of 2048.")


def _content(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(LARGEST)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error}); give a certificate and its key, in PEM.") from error


def _library() -> Any:
    try:
        import c2pa
    except ImportError:
        raise ConfigError("C2PA is not installed; run: pip install 'antiphon[c2pa]'") from None
    return c2pa
