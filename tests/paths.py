"""Where extra models and cases lie that are not part of this repository; tests over them have no cases without."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("LITEJIT_SHARED", ROOT.parent / "shared"))
EXTRA_MODELS = sorted((SHARED / "models").glob("*/*.tflite"))
EXTRA_DATA = SHARED / "data"
EXTRA_CONFORMANCE = SHARED / "conformance"
