"""A laboratory on one machine: the whole of Nexus, each host a network namespace, everything real and breakable."""
