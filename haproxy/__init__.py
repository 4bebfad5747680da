"""The door of Nexus: one HAProxy configuration for every environment, its error pages and its tests."""
