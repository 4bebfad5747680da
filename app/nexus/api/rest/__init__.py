"""The REST door, below /api/v1."""
