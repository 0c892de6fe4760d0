"""Does *yours* hold? The suite, vectors, schemas, examples and mutants; see README.md."""
