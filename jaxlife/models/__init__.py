"""Networks and their weights: `load(name)` gives an image-text encoder or a language model, weights a plain pytree."""

import importlib
import os
from typing import Any

from jaxlife.core import naming

MODELS: dict[str, str] = {
    "clip-vit-base-patch16": "pretrained:load:openai/clip-vit-base-patch16",
    "clip-vit-base-patch32": "pretrained:load:openai/clip-vit-base-patch32",
    "clip-vit-large-patch14": "pretrained:load:openai/clip-vit-large-patch14",
    "dinov2-base": "pretrained:load:facebook/dinov2-base",
    "dinov2-small": "pretrained:load:facebook/dinov2-small",
    "lite": "lite:load",
    "pixels": "pixels:load",
    "random_conv": "random_conv:load",
    "siglip-base-patch16-224": "pretrained:load:google/siglip-base-patch16-224",
    "smollm2-135m-instruct": "llm:smollm2",
}
"""Name -> "module:function" or "module:function:its first argument" under jaxlife.models; imported when asked for."""


def load(name: str | os.PathLike[str], **options: Any) -> Any:
    """Loads a model by name.

    Args:
        name: a key of `MODELS`, a Hugging Face folder or `organisation/name` on the hub (CLIP, SigLIP, DINOv2, or a
            language model); for a language model also a `.gguf` file.
        **options: passed to the model's own loader; see its docstring.

    Returns:
        An `encoder.Encoder` (`embed_image`, `embed_text`, `weights`, `image_size`) or a language model.

    Raises:
        ValueError: unknown name or argument; the nearest known ones are shown.
        FileNotFoundError: weights that are not installed; the message names the command that installs them.

    Example:
        >>> load("pixels").image_size
        8
    """
    name = os.fspath(name)
    if name not in MODELS and (os.sep in name or name.endswith(".gguf")):
        covered = importlib.import_module("jaxlife.models.pretrained").covers(name, options.get("revision"))
        room = importlib.import_module(f"jaxlife.models.{'pretrained' if covered else 'llm'}")
        return room.load(name, **options)
    module, function, *first = naming.lookup(MODELS, name, kind="model").split(":")
    loader = getattr(importlib.import_module(f"jaxlife.models.{module}"), function)
    naming.check_arguments(loader, options, kind=f"the model {name!r}")
    return loader(*first, **options)


__all__ = ["MODELS", "load"]
