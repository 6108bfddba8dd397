"""The description of the HTTP side is what the server does: a fuzzer that believes it finds no failure inside."""

import json

import pytest

from antiphon.server.openapi import document

from .running import Running

ADDRESSES = sorted(document()["paths"])


def test_it_is_served(server: Running) -> None:
    served = server.ask("GET", "/openapi.json")
    assert served.status == 200 and served.json == json.loads(json.dumps(document()))


def test_every_reference_is_there() -> None:
    text = json.dumps(document())
    named = document()["components"]["schemas"]
    wanted = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert wanted <= set(named)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_fuzzer_finds_no_failure(server: Running, address: str) -> None:
    """Whatever fits the description, and much that does not, is answered as it says, and never by a 500."""
    schemathesis = pytest.importorskip("schemathesis")
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance

    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{server.port}/openapi.json")
    for operation in (found.ok() for found in schema.include(path=address).get_all_operations()):
        modes = list(schemathesis.GenerationMode) if operation.body else [schemathesis.GenerationMode.POSITIVE]
        for mode in modes:
            strategy = operation.as_strategy(generation_mode=mode)

            @settings(max_examples=12, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
                      suppress_health_check=list(HealthCheck))  # fmt: skip
            @given(case=strategy)
            def ask(case: object) -> None:
                case.call_and_validate(  # type: ignore[attr-defined]
                    checks=[not_a_server_error, status_code_conformance, content_type_conformance], timeout=60
                )

            ask()
