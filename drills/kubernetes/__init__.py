"""The other thing that drills can break: Nexus in a Kubernetes cluster, as the charts installed it."""
