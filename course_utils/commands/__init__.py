"""What `python -m course_utils COMMAND` runs, a module for each command."""
