"""What a build for an FPGA is told by: report.json for programs, report.html for people, tables for the terminal."""
