"""The seed of a session is that of what is drawn by chance in every reply; nobody has to give one."""

from dataclasses import replace
from typing import Any

import pytest

from antiphon.server.live_settings import live_settings
from antiphon.server.protocol.refusal import Refusal
from antiphon.server.protocol.session import new_session
from tests.runtime.stage import SPOKEN, TURN, Stage


@pytest.mark.parametrize(("patch", "seed"), [({}, 0), ({"seed": 7}, 7)])
def test_every_reply_is_drawn_with_it(patch: dict[str, Any], seed: int) -> None:
    how = live_settings(new_session(patch, "sess_1", 0)).how
    stage = Stage(replace(SPOKEN, how=how))
    for _ in range(2):
        stage.talk(*TURN).wait(20_000)
    spoken = [request for request in stage.mind.asked if request.form == "speech"]
    assert len(spoken) >= 2 and {request.sampling.seed for request in spoken} == {seed}


def test_what_is_no_seed_is_refused() -> None:
    with pytest.raises(Refusal) as refused:
        new_session({"seed": -1}, "sess_1", 0)
    assert refused.value.param == "session.seed"
