"""Images of a galaxy in many bands, from files to photometry of its regions."""
