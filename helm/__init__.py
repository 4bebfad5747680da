"""The charts, who may talk to whom in them, their environments, and the end-to-end test."""
