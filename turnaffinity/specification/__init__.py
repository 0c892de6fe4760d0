"""The note as a program: finalize, job creation, pool service and Lua, in the note's own order and names."""

__all__ = ["actor_finalize", "job_creator", "oracle", "oracle_state", "pool_service", "scripts"]
"""The modules that other folders may import from; the others are insides."""
