"""What a run is told by: report.json for programs, report.html for people, tables for the terminal."""
