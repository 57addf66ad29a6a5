"""Published problem sets, as data: no solver here, and nothing of nanonet."""
