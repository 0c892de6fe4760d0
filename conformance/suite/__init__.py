"""The cases: each a pytest function whose name is its claim."""
