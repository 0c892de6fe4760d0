"""The note as a program: finalize, job creation, pool service and Lua, in the note's own order and names."""
