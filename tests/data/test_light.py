"""The data side is light: importing it loads no torch."""

import subprocess
import sys


def test_no_torch_at_import() -> None:
    code = (
        "import sys, antiphon.data.world, antiphon.data.synth, antiphon.data.store, antiphon.data.record, "
        "antiphon.data.augment, antiphon.data.skills.catalogue, antiphon.data.skills.judge;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
