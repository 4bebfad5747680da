"""What this installation is and allows."""
