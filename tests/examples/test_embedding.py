"""Vectors say what is alike, and are those of the model's own implementation."""

from __future__ import annotations

import numpy as np
import pytest

from examples.retrieval.embedding import Embedding


@pytest.fixture(scope="module")
def embedding() -> Embedding:
    return Embedding()


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("A cat sits on the mat.", "A kitten rests on a rug.", "The budget was approved by parliament."),
        ("What does everyone earn?", "Salaries of all employees", "How to reset the router"),
        ("The delivery is late.", "The parcel has not arrived yet.", "She plays the violin."),
    ],
)
def test_what_means_nearly_the_same_is_nearer(embedding: Embedding, text: str, near: str, far: str) -> None:
    vector = embedding.vector(text)
    assert vector @ embedding.vector(near) > vector @ embedding.vector(far) + 0.3


def test_vectors_are_those_of_sentence_transformers(embedding: Embedding) -> None:
    # sentence-transformers 6.2.0 with the same weights
    reference = [0.12653521, -0.03285076, -0.02905962, 0.04440701, -0.04344529]
    assert np.allclose(embedding.vector("A cat sits on the mat.")[:5], reference, atol=1e-5)
    assert np.isclose(
        embedding.vector("A cat sits on the mat.") @ embedding.vector("A kitten rests on a rug."), 0.66539258, atol=1e-5
    )


@pytest.mark.parametrize(
    "text", ["", " ", "[SEP] [PAD] [CLS] [MASK]", "\x00\u202e\ufeff", "😀" * 50, "word " * 10_000, "x" * 100_000]
)
def test_any_text_has_a_vector_of_length_one(embedding: Embedding, text: str) -> None:
    vector = embedding.vector(text)
    assert vector.shape == (384,)
    assert np.isclose(np.linalg.norm(vector), 1, atol=1e-5)


def test_what_stands_beyond_256_tokens_does_not_count(embedding: Embedding) -> None:
    assert np.array_equal(embedding.vector("word " * 300), embedding.vector("word " * 400))
