import importlib.util
import sys
from pathlib import Path

_spec = importlib.util.spec_from_file_location("batch_service", Path(__file__).with_name("batch_service.py"))
_module = importlib.util.module_from_spec(_spec)
sys.modules["batch_service"] = _module
_spec.loader.exec_module(_module)
