"""Generated streams: pools and plans, the sources of steps, mutation, the units of a campaign.

Nothing here runs a campaign: that is `runs/`. Begin with `campaign_units.py`.
"""
