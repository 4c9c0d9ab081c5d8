"""Ages and metallicities of files of spectra: `agez label`."""
