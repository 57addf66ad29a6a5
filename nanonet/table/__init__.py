"""A file, a data frame or an array as numbers, and back."""
