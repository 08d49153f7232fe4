"""The ``stylefaceuv`` command: a thin layer over the Python API."""
