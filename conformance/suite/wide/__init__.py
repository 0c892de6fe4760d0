"""Which mistakes need two things at once? Every scene with every reason, and a long life; after the plain cases."""
