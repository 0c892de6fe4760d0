"""What can a user type?"""

__all__ = ["main", "verbs", "verifying"]
"""The modules that other folders may import from; the others are insides."""
