"""How Nexus starts: imports everyone, imported by no one."""
