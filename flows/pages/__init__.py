"""Results as people read them: tables for a terminal, and pages of documentation."""
