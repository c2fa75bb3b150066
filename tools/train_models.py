"""Trains the models that ship with litejit and writes them, with a few digits as pictures, into interpreter/models/.

    pip install '.[train,cli]' && python tools/train_models.py

The data are the 1 797 handwritten digits (8x8 pixels) that scikit-learn ships; every fifth one is held out. One network
is trained and exported as float32, float16 weights, dynamic range, int8, int16x8 and uint8.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from digits_network import Network, train
from export_digits import EXPORTS

FOLDER = Path(__file__).resolve().parent.parent / "interpreter" / "models"
PICTURES = 10


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training images, labels, held-out images, labels. Images: [n, 8, 8, 1] float32 in 0 .. 1, in 1/255 steps."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images = np.round(data.images * (255 / 16)).astype(np.uint8)[..., None]
    held_out = np.arange(len(images)) % 5 == 0
    x = images.astype(np.float32) / np.float32(255)
    return x[~held_out], data.target[~held_out], x[held_out], data.target[held_out]


def main() -> None:
    """Trains, exports, and prints the accuracy of the float network on the held-out digits."""
    from PIL import Image

    train_x, train_y, test_x, test_y = digits()
    network: Network = train(train_x, train_y)
    print(f"accuracy on {len(test_y)} held-out digits: {network.accuracy(test_x, test_y):.4f}")
    FOLDER.mkdir(exist_ok=True)
    exports: dict[str, Callable[..., bytes]] = EXPORTS
    for name, export in exports.items():
        data = export(network, train_x)
        (FOLDER / f"{name}.tflite").write_bytes(data)
        print(f"{name:20} {len(data):7} bytes")
    (FOLDER / "digits_labels.txt").write_text("".join(f"{digit}\n" for digit in range(10)))
    for digit in range(PICTURES):
        pixels: Any = np.round(test_x[test_y == digit][0, :, :, 0] * 255).astype(np.uint8)
        Image.fromarray(pixels).save(FOLDER / f"digit_{digit}.png")
    np.savez_compressed(
        FOLDER / "digits_held_out.npz", images=np.round(test_x * 255).astype(np.uint8), labels=test_y.astype(np.uint8)
    )


if __name__ == "__main__":
    main()
