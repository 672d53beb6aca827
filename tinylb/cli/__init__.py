"""The console command C{tinylb}: run, check, status, explain."""
