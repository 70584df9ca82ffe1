"""Commands that print the numbers in docs/. Importing the package loads nothing."""
