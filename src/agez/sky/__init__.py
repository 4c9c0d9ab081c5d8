"""Training SEDs that look like the sky: many libraries, histories, dust laws, lines and ways of observing."""
