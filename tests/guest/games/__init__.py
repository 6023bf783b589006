"""The games of this project. A package called `games`, beside Tavola's."""
