"""Which scenes are there? One module for each family of rules."""

from turnaffinity.vectors.scenes import binding, clearing, keys, never, selecting, turns, writing

SCENES = (
    *keys.SCENES,
    *turns.SCENES,
    *selecting.SCENES,
    *writing.SCENES,
    *clearing.SCENES,
    *binding.SCENES,
    *never.SCENES,
)
