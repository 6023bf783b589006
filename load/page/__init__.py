"""A run as one HTML file that asks nobody for anything: plots are SVG in the page.

svg     scales, axes and shapes       plots    what is drawn       page    the page around it
"""
