"""The promises, each a scenario in plain sentences."""
