"""Set-up: Python packages, JARs, what the machine must have. Standard library only."""
