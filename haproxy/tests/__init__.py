"""Tests of the door: its configuration, its protocol behaviour, and what it does when replicas die under load."""
