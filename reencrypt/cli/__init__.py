"""The command line: parse, build settings, call one operation, print. The only place that exits."""
