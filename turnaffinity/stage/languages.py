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

REGIONS = ("", "", "", "-CN", "-GB", "-419", "-Hant")
"""What may follow a tag."""
