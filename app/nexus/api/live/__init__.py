"""The live door: server-sent events."""
