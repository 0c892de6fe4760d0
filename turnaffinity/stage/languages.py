"""Which languages do cases speak? Tags to draw from; the rest of the world is not told apart by them."""

# fmt: off
LANGUAGES: tuple[str, ...] = (
    "en", "ja", "ko", "fr", "de", "es", "it", "pt", "ru", "ar", "hi", "th", "vi", "id", "ms", "tr", "pl", "nl",
    "sv", "da", "fi", "nb", "cs", "hu", "ro", "uk", "el", "he", "fa", "ur", "bn", "ta", "te", "ml", "kn", "mr",
    "gu", "pa", "si", "my", "km", "lo", "mn", "ka", "hy", "az", "kk", "uz", "sw", "am", "zu", "af", "is", "ga",
    "cy", "eu", "ca", "gl", "hr", "sr", "sk", "sl", "bg", "mk", "sq", "lt", "lv", "et", "mt", "yue", "wuu",
)
# fmt: on
"""Language tags, as a source or target language may be named."""

USUAL: tuple[str, ...] = ("zh", "en", "ja", "ko", "yue", "fr", "de", "es", "ru", "ar")
"""Each of them is source and target of an affinity case in every run: none may be the only right one, or wrong one."""

USUAL_PAIRS: tuple[tuple[str, str], ...] = tuple((src, tgt) for src in USUAL for tgt in USUAL if src != tgt)
"""All pairs of two of them, (source, target)."""

USUAL_RING: tuple[tuple[str, str], ...] = tuple(zip(USUAL, (*USUAL[1:], USUAL[0]), strict=True))
"""Ten of them, (source, target), in which each language is source once and target once."""

REGIONS = ("", "", "", "-CN", "-GB", "-419", "-Hant")
"""What may follow a tag."""
