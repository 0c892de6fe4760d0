"""How are the committed vectors written anew? `python -m turnaffinity.vectors [FOLDER]`."""

from __future__ import annotations

import sys
from pathlib import Path

from turnaffinity.shared_files import shared
from turnaffinity.vectors.files import write_vectors

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else shared("conformance", "vectors")
    print(f"{len(write_vectors(folder))} vectors in {folder}")
