"""Scenarios through Google's Python client. Importing the modules fills `scenarios`."""
