"""Networks and their weights: `load(name)` gives an image-text encoder or a language model, weights a plain pytree."""

import importlib
import os
from typing import Any

from jaxlife.core import naming

MODELS: dict[str, str] = {
    "lite": "lite:load",
    "pixels": "pixels:load",
    "random_conv": "random_conv:load",
    "smollm2-135m-instruct": "llm:smollm2",
}
"""Name -> "module:function" under jaxlife.models; imported only when asked for."""


def load(name: str, **options: Any) -> Any:
    """Loads a model by name.

    Args:
        name: a key of `MODELS`; for a language model also a `.gguf` file, a Hugging Face folder or `organisation/name`.
        **options: passed to the model's own loader; see its docstring.

    Returns:
        An `encoder.Encoder` (`embed_image`, `embed_text`, `weights`, `image_size`) or a language model.

    Raises:
        ValueError: unknown name; the nearest known names are shown.
        FileNotFoundError: weights that are not installed; the message names the command that installs them.

    Example:
        >>> load("pixels").image_size
        8
    """
    if name not in MODELS and (os.sep in name or name.endswith(".gguf")):
        return importlib.import_module("jaxlife.models.llm").load(name, **options)
    module, function = naming.lookup(MODELS, name, kind="model").split(":")
    return getattr(importlib.import_module(f"jaxlife.models.{module}"), function)(**options)


__all__ = ["MODELS", "load"]
