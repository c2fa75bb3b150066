"""A small convolutional network for 8x8 digits in plain NumPy: forward, backward, and training with Adam.

conv 3x3 (stride 1, SAME) -> depthwise 3x3 -> conv 1x1 -> average pool 2x2 -> fully connected; ReLU between.
Images are [batch, 8, 8, 1] in 0 .. 1, weights are laid out as TensorFlow Lite has them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

CHANNELS, WIDE, CLASSES = 16, 32, 10


def windows(x: np.ndarray) -> np.ndarray:
    """[batch, height, width, channels] -> [batch, height, width, 3, 3, channels], zero padded."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2)).transpose(0, 1, 2, 4, 5, 3)


def spread(gradient: np.ndarray) -> np.ndarray:
    """The gradient of `windows`: adds every window back to where it came from."""
    batch, height, width, _, _, channels = gradient.shape
    padded = np.zeros((batch, height + 2, width + 2, channels), gradient.dtype)
    for y in range(3):
        for x in range(3):
            padded[:, y : y + height, x : x + width] += gradient[:, :, :, y, x]
    return padded[:, 1:-1, 1:-1]


@dataclass
class Network:
    """Weights and biases by name, as TensorFlow Lite lays them out."""

    weights: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def random(cls, rng: np.random.Generator) -> Network:
        """He initialisation."""

        def he(shape: tuple[int, ...], fan_in: int) -> np.ndarray:
            return (rng.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(np.float32)

        zeros = {"conv_b": CHANNELS, "depthwise_b": CHANNELS, "wide_b": WIDE, "dense_b": CLASSES}
        return cls(
            {
                "conv_w": he((CHANNELS, 3, 3, 1), 9),
                "depthwise_w": he((1, 3, 3, CHANNELS), 9),
                "wide_w": he((WIDE, 1, 1, CHANNELS), CHANNELS),
                "dense_w": he((CLASSES, 16 * WIDE), 16 * WIDE),
                **{name: np.zeros(size, np.float32) for name, size in zeros.items()},
            }
        )

    def forward(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Every activation by name; "logits" is the last."""
        w = self.weights
        conv = np.maximum(np.einsum("bhwyxi,oyxi->bhwo", windows(x), w["conv_w"], optimize=True) + w["conv_b"], 0)
        depthwise = np.maximum(np.einsum("bhwyxc,yxc->bhwc", windows(conv), w["depthwise_w"][0]) + w["depthwise_b"], 0)
        wide = np.maximum(depthwise @ w["wide_w"][:, 0, 0].T + w["wide_b"], 0)
        pool = wide.reshape(-1, 4, 2, 4, 2, WIDE).mean((2, 4))
        flat = pool.reshape(len(x), -1)
        return {
            "input": x, "conv": conv, "depthwise": depthwise, "wide": wide, "pool": pool,
            "logits": flat @ w["dense_w"].T + w["dense_b"],
        }  # fmt: skip

    def gradients(self, x: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
        """Gradients of the mean cross entropy by weight name."""
        w, a = self.weights, self.forward(x)
        exponent = np.exp(a["logits"] - a["logits"].max(1, keepdims=True))
        d = exponent / exponent.sum(1, keepdims=True)
        d[np.arange(len(x)), labels] -= 1
        d /= len(x)
        g = {"dense_w": d.T @ a["pool"].reshape(len(x), -1), "dense_b": d.sum(0)}
        d = (d @ w["dense_w"]).reshape(a["pool"].shape) / 4
        d = d.repeat(2, 1).repeat(2, 2) * (a["wide"] > 0)
        g["wide_w"] = np.einsum("bhwo,bhwi->oi", d, a["depthwise"], optimize=True)[:, None, None]
        g["wide_b"] = d.sum((0, 1, 2))
        d = (d @ w["wide_w"][:, 0, 0]) * (a["depthwise"] > 0)
        g["depthwise_w"] = np.einsum("bhwc,bhwyxc->yxc", d, windows(a["conv"]))[None]
        g["depthwise_b"] = d.sum((0, 1, 2))
        d = spread(d[:, :, :, None, None] * w["depthwise_w"][0]) * (a["conv"] > 0)
        g["conv_w"] = np.einsum("bhwo,bhwyxi->oyxi", d, windows(x), optimize=True)
        g["conv_b"] = d.sum((0, 1, 2))
        return g

    def accuracy(self, x: np.ndarray, labels: np.ndarray) -> float:
        """Share of right answers."""
        return float((self.forward(x)["logits"].argmax(1) == labels).mean())


def train(x: np.ndarray, labels: np.ndarray, *, epochs: int = 30, batch: int = 64, seed: int = 0) -> Network:
    """Adam with a decaying rate; images are shifted by up to one pixel so that the network generalises."""
    rng = np.random.default_rng(seed)
    network = Network.random(rng)
    first = {name: np.zeros_like(value) for name, value in network.weights.items()}
    second = {name: np.zeros_like(value) for name, value in network.weights.items()}
    step = 0
    for epoch in range(epochs):
        rate = 3e-3 * 0.5 * (1 + np.cos(np.pi * epoch / epochs))
        order = rng.permutation(len(x))
        for start in range(0, len(x) - batch + 1, batch):
            step += 1
            chosen = order[start : start + batch]
            images = np.roll(x[chosen], rng.integers(-1, 2, 2), (1, 2)) if rng.random() < 0.3 else x[chosen]
            for name, gradient in network.gradients(images, labels[chosen]).items():
                first[name] += 0.1 * (gradient - first[name])
                second[name] += 0.001 * (gradient**2 - second[name])
                update = first[name] / (1 - 0.9**step) / (np.sqrt(second[name] / (1 - 0.999**step)) + 1e-8)
                network.weights[name] -= (rate * update).astype(np.float32)
    return network
