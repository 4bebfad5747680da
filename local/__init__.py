"""The replicated stack on one machine, without containers: what `make run` starts, and what the tests stand on."""
