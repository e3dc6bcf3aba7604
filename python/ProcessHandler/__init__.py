"""The names that the package had before it was `processhandler`."""
