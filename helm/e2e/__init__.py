"""`make e2e`: the charts on a real cluster, from nothing to an upgrade under load and back."""
