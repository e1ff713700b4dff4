"""Stored vectors for the scores of what an index without vectors of its own has found."""

import numpy as np
from serving.errors import DataLoss

from retrieval.domain import Ids, Vector
from retrieval.index.base import Fetch
from retrieval.store.reader import Reader


def fetch_from(reader: Reader, dimension: int) -> Fetch:
    """Return a function from chunks to their vectors (n, dimension) in the reader's view; it raises DataLoss."""

    def fetch(chunks: Ids) -> Vector:
        distinct, places = np.unique(chunks, return_inverse=True)
        found = reader.chunk_vectors(distinct)
        vectors = np.empty((len(distinct), dimension), dtype=np.float32)
        for row, chunk in enumerate(distinct.tolist()):
            vector = found.get(chunk)
            if vector is None or len(vector) != dimension:
                raise DataLoss("a stored vector is missing or damaged: Restore the store from a snapshot")
            vectors[row] = vector
        return vectors[places]

    return fetch
