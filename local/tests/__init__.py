"""Tests of the commands that people type, with real processes."""
