"""A document server with semantic search, for the examples."""

import os

# Before numpy is imported: on matrices this small, threads that wait for each other cost more than they bring.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
