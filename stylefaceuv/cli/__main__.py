"""``python -m stylefaceuv.cli`` is the ``stylefaceuv`` command."""

from stylefaceuv.cli.main import run

if __name__ == "__main__":
    run()
