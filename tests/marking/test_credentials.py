"""Credentials in a file: signed with a certificate made here, read back, and gone or broken where it was changed."""

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("c2pa", reason="the extra c2pa is not installed")

from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402
from cryptography.hazmat.primitives.serialization import (  # noqa: E402
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: E402

from antiphon.errors import ConfigError, InputError  # noqa: E402
from antiphon.marking.credentials import Statement, read_credentials, read_statement, sign  # noqa: E402
from antiphon.marking.key import PUBLISHED  # noqa: E402
from antiphon.marking.note import own_version, read_note  # noqa: E402
from antiphon.marking.policy import Marking  # noqa: E402
from tests.cli.conftest import Run, antiphon  # noqa: E402, F401 (the latter is a fixture)

LONG = "one two three four five six seven eight nine ten eleven twelve."


def certificate(folder: Path, name: str, curve: ec.EllipticCurve | None = None) -> tuple[Path, Path]:
    """A key, a certificate of it, and behind it the one of an authority of our own, as files."""
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(curve or ec.SECP256R1())
    issued = _signed(name, key.public_key(), authority, is_authority=False)
    own = _signed("an authority", authority.public_key(), authority, is_authority=True)
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(issued.public_bytes(Encoding.PEM) + own.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


def _signed(
    name: str, of: ec.EllipticCurvePublicKey, by: ec.EllipticCurvePrivateKey, *, is_authority: bool
) -> x509.Certificate:
    def called(what: str) -> x509.Name:
        named = [(NameOID.ORGANIZATION_NAME, "a test"), (NameOID.COMMON_NAME, what)]
        return x509.Name([x509.NameAttribute(*pair) for pair in named])

    usage = {"digital_signature": not is_authority, "key_cert_sign": is_authority, "crl_sign": is_authority}
    never = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    usage |= dict.fromkeys((*never, "encipher_only", "decipher_only"), False)
    now = datetime.now(timezone.utc)
    builder = (
        x509.CertificateBuilder(called("an authority"), called(name), of, x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(is_authority, None), True)
        .add_extension(x509.KeyUsage(**usage), True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(of), False)
    )
    if not is_authority:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), True)
    return builder.sign(by, hashes.SHA256())


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("signer"), "somebody")


@pytest.mark.parametrize("ending", [".wav", ".flac", ".mp3"])
def test_what_is_signed_is_read_back_and_sounds_the_same(ending: str, pair: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / f"said{ending}"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 24_000), 24_000)
    before = soundfile.read(path)[0]
    assert read_statement(path) is None
    sign(path, read_credentials(*pair), "nano", Marking(PUBLISHED))
    found = Statement("Valid", "somebody", f"antiphon {own_version()}", "nano", True)
    assert read_statement(path) == found and np.array_equal(soundfile.read(path)[0], before)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP521R1()], ids=lambda curve: curve.name)
def test_other_keys_sign_too(curve: ec.EllipticCurve, tmp_path: Path) -> None:
    path = tmp_path / "said.wav"
    soundfile.write(path, np.zeros(2400), 24_000)
    sign(path, read_credentials(*certificate(tmp_path, "another", curve)), "nano", Marking(None))
    assert read_statement(path) == Statement("Valid", "another", f"antiphon {own_version()}", "nano", True)


def test_a_change_is_seen_and_a_copy_has_none(pair: tuple[Path, Path], tmp_path: Path) -> None:
    path, copy = tmp_path / "said.wav", tmp_path / "copy.wav"
    soundfile.write(path, np.zeros(2400), 24_000)
    sign(path, read_credentials(*pair), "nano", Marking(PUBLISHED))
    soundfile.write(copy, *soundfile.read(path))
    held = bytearray(path.read_bytes())
    held[100] ^= 1  # of the sound
    path.write_bytes(held)
    found = read_statement(path)
    assert found is not None and found.state == "Invalid" and read_statement(copy) is None


def test_what_does_not_do_is_refused_in_a_sentence(pair: tuple[Path, Path], tmp_path: Path) -> None:
    other, rare = certificate(tmp_path, "other"), certificate(tmp_path, "rare", ec.SECP256K1())
    words = tmp_path / "words"
    words.write_text("no key")
    for chain, key, told in (
        (pair[0], other[1], "is not that of the certificate"),
        (words, pair[1], "no certificate and open key"),
        (pair[0], words, "no certificate and open key"),
        (tmp_path / "none", pair[1], "cannot be read"),
        (*rare, "does not sign with such a key"),
    ):
        with pytest.raises(ConfigError, match=told):
            read_credentials(chain, key)
    locked = tmp_path / "locked.key"
    key = ec.generate_private_key(ec.SECP256R1())
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")))
    with pytest.raises(ConfigError, match="open key"):
        read_credentials(pair[0], locked)
    for name in ("said.ogg", "said.wav"):  # one that cannot carry them, and one that is no sound
        (tmp_path / name).write_bytes(b"no sound")
        with pytest.raises(InputError, match="credentials"):
            sign(tmp_path / name, read_credentials(*pair), "nano", Marking(PUBLISHED))
        assert (tmp_path / name).read_bytes() == b"no sound" and read_statement(tmp_path / name) is None


def test_speak_signs_what_it_writes(antiphon: Run, pair: tuple[Path, Path], tmp_path: Path) -> None:  # noqa: F811
    out = tmp_path / "said.wav"
    assert antiphon("speak", LONG, "-o", out, "--credentials", *pair, "--threads", "1").status == 0
    ran = antiphon("provenance", out)
    assert "made by a model (antiphon" in ran.out and "'somebody', unchanged since" in ran.out
    told = json.loads(antiphon("provenance", "--json", out).out)
    assert told["verdict"] == "present" and told["credentials"]["model"] == "nano" and told["note"]["model"] == "nano"
    assert read_note(out) is not None  # of the file as it was signed
    for where, sentence in (("-", "none is written"), (tmp_path / "said.ogg", "cannot carry credentials")):
        ran = antiphon("speak", LONG, "-o", where, "--credentials", *pair)
        assert ran.status == 2 and sentence in ran.err and ran.err.count("\n") == 1
