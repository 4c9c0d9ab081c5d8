"""The surveys that agez knows: one record each, and the registry that users add their own to."""
