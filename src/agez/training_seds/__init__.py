"""Training SEDs: many template libraries, histories, dust laws, emission lines and ways of observing."""
