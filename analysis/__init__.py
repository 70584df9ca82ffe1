"""From records to numbers, tables, figures and a report."""
