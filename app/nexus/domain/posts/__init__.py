"""Posts, comments, likes, and who may see them."""
