"""The other side of benchmarks/encoders.py: transformers' CLIP ViT-B/32, random weights; needs torch alone.

    python benchmarks/peers/encoders.py FOLDER

Leaves in FOLDER the weights, and peer.npz with pictures, ids, unit embeddings and median seconds a batch.
"""

import pathlib
import sys
import time

import numpy as np
import torch
import transformers

BATCHES = (1, 16)
REPEATS = 5


def main(folder: pathlib.Path) -> None:
    """Saves a random model, its embeddings and its times."""
    torch.manual_seed(0)
    model = transformers.CLIPModel(transformers.CLIPConfig()).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.01 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    pixels = torch.rand(max(BATCHES), 3, 224, 224)
    ids = torch.randint(0, 49000, (3, 77))
    ids[[0, 1, 2], [5, 20, 76]] = 49407  # where each text ends
    unit = lambda out: torch.nn.functional.normalize(out.pooler_output, dim=-1).numpy()  # noqa: E731
    seconds = []
    with torch.inference_mode():
        for batch in BATCHES:
            some = pixels[:batch]
            model.get_image_features(pixel_values=some)
            times = []
            for _ in range(REPEATS):
                begun = time.perf_counter()
                model.get_image_features(pixel_values=some)
                times.append(time.perf_counter() - begun)
            seconds.append(np.median(times))
        z, y = unit(model.get_image_features(pixel_values=pixels)), unit(model.get_text_features(input_ids=ids))
    stored = {"pixels": pixels.permute(0, 2, 3, 1).numpy(), "z": z, "y": y, "ids": ids.numpy()}
    np.savez(folder / "peer.npz", seconds=seconds, **stored)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
