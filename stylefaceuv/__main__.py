"""``python -m stylefaceuv`` is the ``stylefaceuv`` command."""

from stylefaceuv.cli.main import run

if __name__ == "__main__":
    run()
