"""What was trained, put into a whole model."""

import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from antiphon.config import VoiceConfig
from antiphon.errors import ConfigError, WeightsError
from antiphon.train.codec import flow, speaker, tokenizer, vocoder
from antiphon.train.codec.parts import below, finished, open_model
from antiphon.train.options import SpeechOptions
from antiphon.weights.folder import Folder, VoiceFiles
from antiphon.weights.save import write_folder
from antiphon.weights.tensors import in_memory


def assemble(
    base: str | Path,
    target: Path,
    *,
    lm: str | None = None,
    tokens: str | None = None,
    mel: str | None = None,
    wave: str | None = None,
    voice: str | None = None,
    clip: str = "",
    runs: Path | None = None,
    layout: str = "own",
    dtype: torch.dtype | None = None,
) -> None:
    """Write the model `base` (preset, folder, hub id) to the new folder `target` with other parts.

    `lm`, `tokens`, `mel`, `wave` and `voice` are runs (names below `runs`, or folders) for the speech LM, the speech
    tokenizer, the flow, the vocoder and the speaker net, the last four also models; `clip` is a recording of the
    default voice. What is None or "" stays. Raises ConfigError for parts that do not belong together, WeightsError for
    what is missing.
    """
    folder, words = open_model(base), None
    if lm is not None:
        folder, words = _with_words(folder, lm, runs)
    with tempfile.TemporaryDirectory() as place:
        if any(part is not None for part in (tokens, mel, wave, voice)) or clip:
            folder = _with_voice(folder, Path(place), runs, tokens, mel, wave, voice, clip)
        write_folder(folder, target, layout=layout, dtype=dtype, tokenizer=words)


def _with_words(folder: Folder, lm: str, runs: Path | None) -> tuple[Folder, Path | None]:
    """The folder with the speech LM of a run, and where its tokenizer lies if that is another."""
    found = finished(lm, runs)
    if found is None:
        raise WeightsError(f"there is no finished run {lm!r}; train the speech LM first, or name a run that did.")
    options, tensors = found
    if not isinstance(options, SpeechOptions):
        raise WeightsError(f"the run {lm} trained no speech LM; name one that did.")
    words = Path(options.tokenizer) if options.tokenizer else None
    config = replace(folder.config, lm=options.sizes().lm)
    return replace(folder, config=config, lm=in_memory(lm, below(tensors, "lm."))), words


def _with_voice(
    folder: Folder,
    place: Path,
    runs: Path | None,
    tokens: str | None,
    mel: str | None,
    wave: str | None,
    voice: str | None,
    clip: str,
) -> Folder:
    """The folder with other parts of what speaks; a speaker net's graph is written to `place`."""
    files, sizes = folder.voice, folder.config.voice
    if files is None or sizes is None:
        raise ConfigError(f"{folder.path} has no voice, so its parts cannot be exchanged; give a model that speaks.")
    if tokens is not None:
        made = tokenizer.trained(tokens, runs)
        sizes = replace(sizes, tokenizer=made.config)
        files = replace(files, tokenizer=in_memory(tokens, made.state_dict()))
    if mel is not None:
        found = flow.trained(mel, runs)
        sizes, files = replace(sizes, flow=found.config), replace(files, flow=in_memory(mel, found.state_dict()))
    if wave is not None:
        hift = vocoder.trained(wave, runs)
        sizes, files = replace(sizes, hift=hift.config), replace(files, hift=in_memory(wave, hift.state_dict()))
    if voice is not None:
        files = replace(files, speaker=speaker.graph(voice, place, runs))
    if clip:
        files = replace(files, clip=_recording(clip))
    _check(sizes, files)
    return replace(folder, config=replace(folder.config, voice=sizes), voice=files)


def _recording(clip: str) -> Path:
    path = Path(clip)
    if path.suffix.lower() != ".wav" or not path.is_file():
        raise ConfigError(f"the default voice shall be {clip!r}, which is no .wav file; give a recording.")
    return path


def _check(sizes: VoiceConfig, files: VoiceFiles) -> None:
    """Raise ConfigError if codes or voice vectors are read otherwise than they are written."""
    from antiphon.model.speaker import SpeakerNet

    if sizes.tokenizer.num_codes != sizes.flow.num_codes:
        raise ConfigError(
            f"the speech tokenizer has {sizes.tokenizer.num_codes} codes and the flow {sizes.flow.num_codes};"
            " train the flow on this tokenizer's codes."
        )
    dim = SpeakerNet(files.speaker)(torch.zeros(16_000)).shape[-1]
    if dim != sizes.flow.speaker_dim:
        raise ConfigError(
            f"the speaker net gives vectors of {dim} numbers and the flow reads {sizes.flow.speaker_dim};"
            " train the flow with this speaker net."
        )
