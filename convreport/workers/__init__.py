"""Who draws: this process, or the workers of a Dask cluster on this machine or on many.

A job goes out as values and comes back as bytes; only the client writes the store, so no disk is shared. Imports `core`,
`engines` and `sections`. Dask is known here alone, and imported only where a build has workers.
"""
