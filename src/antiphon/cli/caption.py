"""Say in short what happens in a recording:  antiphon caption street.wav"""

from antiphon.cli.options import Device, Dtype, Name, Sound, Threads, load_model, read


def caption(
    audio: Sound, model: Name = "nano", device: Device = "cpu", dtype: Dtype = None, threads: Threads = None
) -> None:
    """Say in short what happens in a recording."""
    sound = read(audio)
    print(load_model(model, device, dtype, threads).caption(sound))
