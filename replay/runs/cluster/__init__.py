"""A campaign on other machines: workers of a Dask cluster in the place of processes of this one.

Dask carries tasks and results and knows which workers there are; which unit is run, and what is
stored, is decided in `../campaign.py`, and nowhere here. Nothing imports Dask before a cluster is
asked for. Begin with `cluster_crew.py`.
"""
