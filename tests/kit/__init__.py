"""What several tests share. Modules here hold no tests."""
