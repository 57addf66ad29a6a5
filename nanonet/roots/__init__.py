"""Page 7: zeros of functions."""
