"""A fitted model as an equation in the table's own units, in several languages."""
