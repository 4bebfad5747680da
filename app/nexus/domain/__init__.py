"""What Nexus does. Each folder: models, queries, operations, events."""
