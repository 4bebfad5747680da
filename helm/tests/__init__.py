"""Tests of the charts that need no cluster."""
