"""Many documents: a folder of them, read by processes of this machine or by a cluster."""
