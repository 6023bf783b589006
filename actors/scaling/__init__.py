"""As many nodes as rooms need: for how many Ray is asked, which one is not needed, which are about to end. Knows no
Ray, and of rooms that they are moved. Imports storage and config; the cluster imports it."""
