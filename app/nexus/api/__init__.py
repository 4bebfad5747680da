"""How programs ask: the doors that translate."""
