"""Make all recorded output anew: `python tests/regenerate.py`. Read the difference before you commit it."""

from __future__ import annotations

import goldens
from shown import DOCUMENTS, rewrite

if __name__ == "__main__":
    for document in DOCUMENTS:
        rewrite(document)
        print(f"rewritten: {document.name}")
    goldens.rewrite()
    print(f"rewritten: {len(goldens.ALL)} outputs in {goldens.GOLDEN.name}/")
