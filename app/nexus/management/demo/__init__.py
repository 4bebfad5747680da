"""A small community to look at: who is in it, what they say, and how it becomes rows."""
