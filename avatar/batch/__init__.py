"""Many videos from one file of jobs, over processes of this machine or a Ray cluster."""
