"""The pages of the notes, each a rule's equations with the names of its numbers."""
