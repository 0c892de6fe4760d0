"""How do the notebooks and the reference become one book? `make book` writes its source so, and Sphinx builds it."""

__all__ = ["source"]
