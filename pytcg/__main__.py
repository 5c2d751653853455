"""python -m pytcg is pytcg-system."""

import sys

from pytcg.cli.main import main

sys.exit(main())
