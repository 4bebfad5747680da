"""What is watched: objectives, alerts with their tests and runbooks, and the rules that are made of them."""
