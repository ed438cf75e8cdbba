"""Where fits, trials and parts are computed: on this machine's own processes, or on Dask."""
