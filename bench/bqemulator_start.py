"""bqemulator without the DuckDB extensions that it would fetch at start (GEOGRAPHY and Avro stop working, nothing else)."""
import sys

from bqemulator.cli import main
from bqemulator.storage import engine

opener = next(kind for kind in vars(engine).values() if isinstance(kind, type) and hasattr(kind, "_load_spatial"))
opener._load_spatial = lambda self: None
opener._load_format_extensions = lambda self: None
sys.exit(main())
