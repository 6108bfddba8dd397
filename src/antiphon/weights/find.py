"""Where a model's files are: the package, a folder, the cache of a hub, or the hub itself.

    nano                                    in the package
    mini  mini-base  mini-think  r1  32b    presets: the released checkpoints on the hub
    ./a/folder                              a folder in the released layout or in ours
    org/name[@revision]                     any repository on the hub

Only data is fetched: no code of a repository is downloaded, let alone run. `ANTIPHON_HUB=modelscope` asks ModelScope
instead of Hugging Face, through its own package.
"""

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from antiphon.config import ModelConfig, from_dict, read_json
from antiphon.errors import WeightsError
from antiphon.weights.folder import variant_of

PRESETS = Path(__file__).parent.parent / "presets"
NANO = "nano"
HUB_IDS = {
    "mini": "stepfun-ai/Step-Audio-2-mini",
    "mini-base": "stepfun-ai/Step-Audio-2-mini-Base",
    "mini-think": "stepfun-ai/Step-Audio-2-mini-Think",
    "r1": "stepfun-ai/Step-Audio-R1",
    "r1.1": "stepfun-ai/Step-Audio-R1.1",
    "32b": "stepfun-ai/Step-Audio-R1",  # the only released checkpoint of this size
}
REPOSITORY = re.compile(r"([\w.-]+/[\w.-]+)(?:@([\w./-]+))?")
WANTED = ["*.json", "*.safetensors", "*.txt", "token2wav/*"]


@dataclass(frozen=True)
class Found:
    """A folder with a model, and the prompt style if its name tells one."""

    folder: Path
    variant: str | None


def preset(name: str) -> ModelConfig:
    """The sizes of a preset, without any weights."""
    file = PRESETS / NANO / "nano.json" if name == NANO else PRESETS / f"{name}.json"
    if not re.fullmatch(r"[\w.-]+", name) or not file.exists():
        names = sorted([path.stem for path in PRESETS.glob("*.json")] + [NANO])
        raise WeightsError(f"{name!r} is no preset; the presets are {', '.join(names)}.")
    return from_dict(ModelConfig, read_json(file))


def find(source: str | Path) -> Found:
    """The folder of a model, fetched from the hub if need be. A preset's name means the preset, `./name` a folder."""
    text = str(source)
    if text == NANO and isinstance(source, str):
        if not (PRESETS / NANO / "nano.json").exists():
            raise WeightsError(f"this installation lacks nano ({PRESETS / NANO}); install the package with its data.")
        return Found(PRESETS / NANO, None)
    if isinstance(source, str) and text in HUB_IDS:
        return Found(_fetch(HUB_IDS[text], None, text), variant_of(HUB_IDS[text].split("/")[1]))
    folder = Path(source).expanduser()
    if text and folder.is_dir():
        return Found(folder, None)
    match = REPOSITORY.fullmatch(text)
    if match is None or folder.exists() or text.startswith((".", "/", "~")):
        what = "a file" if folder.is_file() else "no folder"
        raise WeightsError(
            f"{text!r} is {what}, no preset ({', '.join([NANO, *HUB_IDS])}) and no hub id (org/name); give one."
        )
    return Found(_fetch(match[1], match[2], text), variant_of(match[1].split("/")[1]))


def _fetch(repository: str, revision: str | None, asked: str) -> Path:
    hub = os.environ.get("ANTIPHON_HUB", "huggingface")
    if hub == "modelscope":
        return _from_modelscope(repository, revision, asked)
    if hub != "huggingface":
        raise WeightsError(f"ANTIPHON_HUB is {hub!r}; it is either huggingface or modelscope.")
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    quiet = not sys.stderr.isatty() and not are_progress_bars_disabled()
    if quiet:  # bars are for terminals
        disable_progress_bars()
    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=WANTED))
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise WeightsError(
            f"{asked} was not found: the hub has no {repository} for you ({_short(error)}); check the name."
        ) from error
    except Exception as error:  # every transport brings errors of its own; offline is one of many
        raise _unreachable(asked, repository, constants.HF_HUB_CACHE, constants.ENDPOINT, error) from error
    finally:
        if quiet:
            enable_progress_bars()


def _from_modelscope(repository: str, revision: str | None, asked: str) -> Path:
    try:
        from modelscope import snapshot_download
    except ImportError as error:
        raise WeightsError(
            "ANTIPHON_HUB asks for ModelScope, whose package is not installed: pip install modelscope."
        ) from error
    try:
        return Path(snapshot_download(repository, revision=revision, allow_file_pattern=WANTED))
    except Exception as error:  # see above
        raise _unreachable(asked, repository, "ModelScope's cache", "ModelScope", error) from error


def _unreachable(asked: str, repository: str, cache: str, hub: str, error: Exception) -> WeightsError:
    return WeightsError(
        f"{asked} was not found: {repository} is not complete in {cache}, and {hub} could not be reached"
        f" ({_short(error)}); fetch it where there is a network, or give the folder that holds it."
    )


def _short(error: Exception) -> str:
    return (str(error).strip().splitlines() or [""])[0][:120] or type(error).__name__
