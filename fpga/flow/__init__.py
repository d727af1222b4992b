"""From a configuration and a board to a bitstream, with tools that pip installs."""
