"""What others did that concerns somebody."""
