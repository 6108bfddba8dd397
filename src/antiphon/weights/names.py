"""Names of tensors: the released spellings and ours, one bijection per part.

Ours are the released names throughout. What varies is how releases spell them: HiFT may carry a `generator.` prefix and
the older names of weight normalisation, and the serving fork prefixes text weights with `language_model.`.
"""

OLDER_NORM = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}


def lm_name(released: str) -> str:
    """Our name of a tensor of the language-model side."""
    return released.removeprefix("language_model.")


def hift_name(released: str) -> str:
    """Our name of a HiFT tensor: no `generator.` anywhere, the newer spelling of weight normalisation."""
    *layers, leaf = released.replace("generator.", "").split(".")
    return ".".join([*layers, OLDER_NORM.get(leaf, leaf)])


def flow_name(released: str) -> str:
    """Our name of a tensor of the flow: the released one."""
    return released
