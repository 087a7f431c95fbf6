"""The command line. One file a group of commands; ``main`` knows them by name and loads them when used."""
