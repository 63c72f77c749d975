"""A small net in plain NumPy: dot, relu, chain rule, one step of the optimizer. The oracle for the engine."""

import numpy as np

Weights = list[np.ndarray]


def forward(weights: Weights, x: np.ndarray) -> list[np.ndarray]:
    """The input and every layer's output; the last layer is linear."""
    outputs = [x]
    pairs = list(zip(weights[::2], weights[1::2], strict=True))
    for number, (kernel, bias) in enumerate(pairs):
        z = outputs[-1] @ kernel + bias
        outputs.append(z if number == len(pairs) - 1 else np.maximum(z, 0))
    return outputs


def gradients(weights: Weights, x: np.ndarray, y: np.ndarray) -> Weights:
    """Of the mean squared error over the batch, by the chain rule."""
    outputs = forward(weights, x)
    found: Weights = []
    error = 2 * (outputs[-1] - y) / len(x)
    for number in reversed(range(len(weights) // 2)):
        found = [outputs[number].T @ error, error.sum(axis=0), *found]
        error = (error @ weights[2 * number].T) * (outputs[number] > 0)
    return found


class SGD:
    """v = 0.9 v - rate g; w = w + v."""

    def __init__(self, weights: Weights) -> None:
        self.velocity = [np.zeros_like(w) for w in weights]

    def step(self, weights: Weights, found: Weights) -> Weights:
        self.velocity = [0.9 * v - 0.01 * g for v, g in zip(self.velocity, found, strict=True)]
        return [w + v for w, v in zip(weights, self.velocity, strict=True)]


class RMSprop:
    """v = 0.9 v + 0.1 g^2; w = w - rate g / sqrt(v + epsilon)."""

    def __init__(self, weights: Weights) -> None:
        self.square = [np.zeros_like(w) for w in weights]

    def step(self, weights: Weights, found: Weights) -> Weights:
        self.square = [0.9 * v + 0.1 * g**2 for v, g in zip(self.square, found, strict=True)]
        return [w - 0.001 * g / np.sqrt(v + 1e-7) for w, g, v in zip(weights, found, self.square, strict=True)]


class Adam:
    """Kingma & Ba's rule, with the bias correction in the rate."""

    def __init__(self, weights: Weights) -> None:
        self.mean = [np.zeros_like(w) for w in weights]
        self.square = [np.zeros_like(w) for w in weights]
        self.t = 0

    def step(self, weights: Weights, found: Weights) -> Weights:
        self.t += 1
        self.mean = [0.9 * m + 0.1 * g for m, g in zip(self.mean, found, strict=True)]
        self.square = [0.999 * v + 0.001 * g**2 for v, g in zip(self.square, found, strict=True)]
        rate = 0.001 * np.sqrt(1 - 0.999**self.t) / (1 - 0.9**self.t)
        return [w - rate * m / (np.sqrt(v) + 1e-7) for w, m, v in zip(weights, self.mean, self.square, strict=True)]
