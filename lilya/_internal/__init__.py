"""A path that programs written for earlier releases import from; nothing of the house lives here."""
