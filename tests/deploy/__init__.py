"""What is in deploy/, and the Containerfile: read as those read it who run them, as far as that can be had here."""
