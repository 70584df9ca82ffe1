"""Commands that print the numbers in docs/."""
