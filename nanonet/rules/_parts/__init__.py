"""What update rules are made of."""
