"""The kits that several tests share. Modules here hold no tests."""
