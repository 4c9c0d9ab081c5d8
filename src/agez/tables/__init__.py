"""Tables and maps on disk: FITS, ECSV, CSV, Parquet and VOTable, and the metadata of every column."""
