"""C{python -m tinylb}: the console command."""

from tinylb.cli.main import main

raise SystemExit(main())
