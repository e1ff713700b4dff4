import importlib.util
import sys
from pathlib import Path

_spec = importlib.util.spec_from_file_location("rag_fakes", Path(__file__).with_name("rag_fakes.py"))
_fakes = importlib.util.module_from_spec(_spec)
sys.modules["rag_fakes"] = _fakes
_spec.loader.exec_module(_fakes)
