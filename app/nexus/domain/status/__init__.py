"""What people are told of how Nexus does: its components now, its objectives over ninety days, incidents."""
