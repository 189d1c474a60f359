"""Tools for whoever works on convreport: run them from the checkout."""
