"""What tests of the whole program share: a vault, the command line as a subprocess, databases to work on."""
