"""A model of what so many tables take, fitted to measured sizes: docs/explanation/scale.md.

__main__   the command               measure    plays at one size after the other, and counts
measured   what came out             measured.json  the runs that the page tells of
model      fitted to it, foretells   ends       what each part has, and at how many tables it has no more
"""
