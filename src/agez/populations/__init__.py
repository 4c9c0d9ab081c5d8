"""Stellar populations: the one definition of their ages and metallicities."""
