"""Documents in Qdrant's embedded mode, found by meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NotRequired

from qdrant_client import QdrantClient
from qdrant_client.models import Distance, FieldCondition, Filter, MatchValue, PointStruct, VectorParams
from typing_extensions import TypedDict

from examples.retrieval.embedding import Embedding

COLLECTION: Final = "documents"


class Document(TypedDict):
    """One document, with what the platform says of it. Times are RFC 3339."""

    id: str
    title: str
    text: str
    authors: list[str]
    owner: str
    tenant: str
    role: NotRequired[str]
    confidentiality: int
    created: str
    expires: NotRequired[str]
    score: NotRequired[float]


class Library:
    """The collection. It filters by what it is asked for and by nothing else: it does not know who asks."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._embedding = Embedding()
        self._documents = {document["id"]: document for document in documents}
        self._qdrant = QdrantClient(":memory:")
        vectors = VectorParams(size=self._embedding.width, distance=Distance.COSINE)
        self._qdrant.create_collection(COLLECTION, vectors_config=vectors)
        points = [
            PointStruct(id=number, vector=self._vector(f"{one['title']}. {one['text']}"), payload=dict(one))
            for number, one in enumerate(documents)
        ]
        self._qdrant.upsert(COLLECTION, points)

    def search(self, query: str, limit: int, **wanted: str | None) -> list[Document]:
        """The documents nearest to ``query`` with these values, best first, each with its ``score``."""
        must = [
            FieldCondition(key=key, match=MatchValue(value=value)) for key, value in wanted.items() if value is not None
        ]
        found = self._qdrant.query_points(
            COLLECTION, query=self._vector(query), query_filter=Filter(must=must), limit=limit
        )
        return [
            {**self._documents[point.payload["id"]], "score": round(point.score, 4)}
            for point in found.points
            if point.payload is not None
        ]

    def read(self, document: str, **wanted: str | None) -> list[Document]:
        """The document of that id with these values, or none."""
        found = self._documents.get(document)
        fits = found is not None and all(value in {None, found.get(key)} for key, value in wanted.items())
        return [found] if found is not None and fits else []

    def _vector(self, text: str) -> list[float]:
        vector: list[float] = self._embedding.vector(text).tolist()
        return vector
