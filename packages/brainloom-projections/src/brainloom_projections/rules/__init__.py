"""Rules that say which neurons are connected."""
